//! The receipt of a result that came from elsewhere.

/// Kept with a result until all of it has left, or is no longer wanted. Its drop tells the sender.
pub(crate) struct Receipt(#[expect(dead_code, reason = "it is there to be dropped")] Box<dyn Send>);

impl Receipt {
    #[cfg_attr(
        not(feature = "cluster"),
        expect(dead_code, reason = "results that come from elsewhere have receipts")
    )]
    pub(crate) fn new(told: impl Send + 'static) -> Self {
        Self(Box::new(told))
    }
}

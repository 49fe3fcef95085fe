//! Steps, one after another: the first that fails ends them.

/// Counts the steps that passed.
#[derive(Default)]
pub(crate) struct Steps {
    passed: usize,
}

impl Steps {
    /// Shows the title, and does the work.
    #[expect(clippy::print_stdout, reason = "a person follows the steps")]
    pub(crate) fn step(
        &mut self,
        title: &str,
        work: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        println!("\n== {title}");
        work()?;
        self.passed += 1;
        Ok(())
    }

    #[expect(clippy::print_stdout, reason = "a person follows the steps")]
    pub(crate) fn finish(self) {
        let steps = if self.passed == 1 { "step" } else { "steps" };
        println!("\n{} {steps} passed", self.passed);
    }
}

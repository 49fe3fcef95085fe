//! How a file is opened, on all systems.

/// How a file is opened.
#[derive(Clone, Copy, Default)]
pub(super) struct OpenOptions {
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) append: bool,
    /// It is created if it does not exist.
    pub(super) create: bool,
    /// It must not exist.
    pub(super) new: bool,
    /// Only its owner may use it, if it is created.
    pub(super) private: bool,
}

impl OpenOptions {
    pub(super) const READ: Self =
        Self { read: true, write: false, append: false, create: false, new: false, private: false };
}

/// What a path stands for if its last component is a link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LastLink {
    /// What the link leads to.
    Followed,
    /// The link.
    Itself,
}

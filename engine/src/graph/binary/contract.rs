//! The trait of operators that take from two streams.

use std::collections::VecDeque;

use crate::progress::Keeps;

/// One of two streams that come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that the method was called on.
    First,
    /// The other one.
    Second,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// What comes of the elements of two streams.
pub(in crate::graph) trait BinaryOperator<A, B>: Send + 'static {
    type Output: Clone + Send + 'static;

    fn first(&mut self, element: A, outputs: &mut VecDeque<Self::Output>);

    fn second(&mut self, element: B, outputs: &mut VecDeque<Self::Output>);

    /// What it keeps from one element to the next, for checkpoints.
    fn keeps(&mut self) -> Keeps<'_>;

    /// Whether it takes another element of a side now; asked again once the other side has moved.
    fn has_room(&self, side: Side) -> bool {
        let _ = side;
        true
    }

    /// A side has ended: elements of the other one may find no partner any more.
    fn end(&mut self, side: Side) {
        let _ = side;
    }

    /// What it is called in errors.
    fn name(&self) -> &str {
        "join"
    }

    /// Whether elements wait here.
    fn holds_back(&self) -> bool {
        false
    }
}

//! Random graphs against an interpreter over lists: as they are, cut at random and resumed, and killed.

// Helpers.
mod part;

mod killed;
mod random;
mod refused;
mod resumed;

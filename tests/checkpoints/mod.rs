//! Checkpoints: a killed run resumes, and its output matches an uninterrupted run's.

// Helpers.
mod support;

mod kills;
mod library;
mod refused;
mod resume;

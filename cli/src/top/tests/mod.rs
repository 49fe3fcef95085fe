//! What is drawn of a run that is made up, and what keys do.

mod keys;
mod sample;
mod screens;
mod states;
mod untrusted_text;

//! The SDK, and no function with an attribute: a plugin that can do nothing.

use engine_sdk as _;

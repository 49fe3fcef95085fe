//! Changes a field of a JSON object, as the native rival does.

use engine_sdk::map;
use event::Event;

/// Parses an event, changes it, and writes it.
#[map]
fn change(event: Event) -> Event {
    event::change(event)
}

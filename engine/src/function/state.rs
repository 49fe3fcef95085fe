//! The state of a function that accumulates, as it leaves an instance and comes back.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

/// What a function that accumulates has made of its records: bytes that only its plugin knows to read.
///
/// It is cheap to clone. In JSON it is a text in Base64.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct State(Arc<[u8]>);

impl From<Vec<u8>> for State {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

/// Those of several instances as one.
pub(crate) fn together(states: &[Option<State>]) -> State {
    let mut bytes = Vec::new();
    for state in states {
        // One more than its length; nothing is a state that has not begun.
        let size = state.as_ref().map_or(0, |state| state.len() as u64 + 1);
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(state.as_deref().unwrap_or_default());
    }
    State::from(bytes)
}

/// No run has more instances that share keys.
const MOST: usize = 1 << 16;

/// The states that were put [`together`]; none if these bytes are no such thing.
pub(crate) fn apart(state: &State) -> Option<Vec<Option<State>>> {
    let mut states = Vec::new();
    let mut rest = &**state;
    while !rest.is_empty() && states.len() < MOST {
        let (size, behind) = rest.split_first_chunk()?;
        let size = usize::try_from(u64::from_le_bytes(*size)).ok()?;
        let (state, behind) = behind.split_at_checked(size.saturating_sub(1))?;
        states.push((size > 0).then(|| State::from(state.to_vec())));
        rest = behind;
    }
    (rest.is_empty() && !states.is_empty()).then_some(states)
}

impl Deref for State {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({} bytes)", self.0.len())
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self::from).map_err(|_| D::Error::custom("a state is no Base64"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn states_round_trip(states in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..9)), 1..5)) {
            let states: Vec<_> = states.into_iter().map(|state| state.map(State::from)).collect();
            prop_assert_eq!(apart(&together(&states)), Some(states));
        }

        #[test]
        fn any_state_bytes_cause_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(states) = apart(&State::from(bytes.clone())) {
                prop_assert_eq!(&*together(&states), &*bytes);
            }
        }
    }

    #[test]
    fn a_truncated_state_is_refused() {
        for bytes in [&[][..], &[0; 7], &[0; 9], &[3, 0, 0, 0, 0, 0, 0, 0, 1], &[255; 8]] {
            assert_eq!(apart(&State::from(bytes.to_vec())), None, "{bytes:?}");
        }
    }
}

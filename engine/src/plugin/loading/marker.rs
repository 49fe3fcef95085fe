//! What a plugin says of itself in a custom section, which is read without running it.

use wasmparser::{Chunk, Parser, Payload};

use crate::plugin::undeclared::Undeclared;

/// The custom section of a core module that says what becomes of undeclared calls.
const SECTION: &str = "engine:undeclared";

/// What it begins with if they are faults.
const FAULT: &[u8] = b"fault";

/// Components lie no deeper in one another.
const DEPTH: usize = 100;

/// What a component wants to become of undeclared calls.
pub(super) fn undeclared(wasm: &[u8]) -> Undeclared {
    if are_faults(wasm) { Undeclared::Fault } else { Undeclared::FindsNothing }
}

/// Looks at the heads of sections alone. What is damaged is found out when the component is compiled.
fn are_faults(wasm: &[u8]) -> bool {
    let (mut parser, mut outer, mut rest) = (Parser::new(0), Vec::new(), wasm);
    loop {
        let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(rest, true) else { return false };
        rest = rest.get(consumed..).unwrap_or_default();
        match payload {
            Payload::CustomSection(section) if section.name() == SECTION => {
                return section.data().starts_with(FAULT);
            }
            Payload::CodeSectionStart { size, .. } => {
                parser.skip_section();
                rest = rest.get(size as usize..).unwrap_or_default();
            }
            Payload::ModuleSection { parser: inner, .. }
            | Payload::ComponentSection { parser: inner, .. } => {
                if outer.len() == DEPTH {
                    return false;
                }
                outer.push(std::mem::replace(&mut parser, inner));
            }
            Payload::End(_) => match outer.pop() {
                Some(around) => parser = around,
                None => return false,
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A section: its number, and what it holds.
    fn section(id: u8, bytes: &[u8]) -> Vec<u8> {
        [&[id, u8::try_from(bytes.len()).expect("it is short")], bytes].concat()
    }

    fn component(module: &[u8]) -> Vec<u8> {
        [b"\0asm\x0d\0\x01\0", &*section(1, &[b"\0asm\x01\0\0\0", module].concat())].concat()
    }

    #[test]
    fn a_marker_is_found_in_the_modules_of_a_component() {
        let marked = |text: &str| section(0, &[&[17], text.as_bytes()].concat());
        let code = [section(3, &[1, 0]), section(10, &[1, 2, 0, 11])].concat();
        let faults = [code.clone(), marked("engine:undeclaredfault")].concat();
        assert_eq!(undeclared(&component(&faults)), Undeclared::Fault);
        for other in
            [code, marked("engine:undeclared"), marked("engine:undeclarexfault"), vec![0, 200], vec![]]
        {
            assert_eq!(undeclared(&component(&other)), Undeclared::FindsNothing);
        }
    }
}

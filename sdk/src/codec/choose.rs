//! Which codec a type has, decided where the attribute is expanded and all types are known.
//!
//! `(&&Tag::<T>::new()).codec()` is [`Plain`] where `T` is one of its types, else [`Json`]. Method
//! lookup on `&&Tag<T>` tries the receivers `&&Tag<T>`, `&&&Tag<T>` and `&Tag<T>` in this order, so
//! the first of the traits below wins whose bound holds. It sees through type aliases, and it
//! takes types that borrow, which `TypeId` would not.

use std::marker::PhantomData;

use super::json::Json;
use super::plain::{Plain, Primitive};
use crate::contract::{Format, Shape};
use crate::failure::Failure;

/// Stands for the type `T`.
pub struct Tag<T>(PhantomData<T>);

impl<T> Tag<T> {
    /// The type itself.
    #[expect(clippy::new_without_default, reason = "only the attributes call it")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// The type of a value.
    pub const fn of(_: &T) -> Self {
        Self(PhantomData)
    }
}

/// First choice: the type has no codec.
///
/// It is a `Result` that the attribute did not see in the signature: written as a record, it would
/// hide a failure.
pub trait ChooseNone {
    /// The codec of the type, which can't be called.
    fn codec(&self) -> Unwritable {
        Unwritable
    }

    /// What stands in for a shape.
    fn shape(&self) -> Shape {
        Shape { format: Format::Json, schema: None }
    }
}

impl<T, E> ChooseNone for &Tag<Result<T, E>> {}

/// Second choice: the type has a form of its own.
pub trait ChoosePlain {
    /// The codec of the type.
    fn codec(&self) -> Plain {
        Plain
    }

    /// What a record of the type looks like.
    fn shape(&self) -> Shape;
}

impl<T: Primitive> ChoosePlain for &&Tag<T> {
    fn shape(&self) -> Shape {
        Shape { format: T::FORMAT, schema: T::SCHEMA.map(str::to_owned) }
    }
}

/// Third choice: the type is JSON, if it is anything.
pub trait ChooseJson {
    /// The codec of the type.
    fn codec(&self) -> Json {
        Json
    }

    /// What a record of the type looks like.
    fn shape(&self) -> Shape {
        Shape { format: Format::Json, schema: None }
    }
}

impl<T> ChooseJson for Tag<T> {}

/// The codec of a `Result`, which can't be called.
pub struct Unwritable;

impl Unwritable {
    /// Does not compile.
    pub fn encode<T: Writable>(self, _: &T, _: &mut Vec<u8>) -> Result<(), Failure> {
        unreachable!("no type is `Writable`")
    }
}

/// No type at all.
#[diagnostic::on_unimplemented(
    message = "a `Result` can't be the value of a record",
    label = "write the function's return type as `Result<_, E>`, with the `Result` around all else",
    note = "an alias must be named `Result` too, such as `type Result<T> = std::result::Result<T, MyError>`"
)]
pub trait Writable {}

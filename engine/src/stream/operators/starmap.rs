//! `starmap`: the parts of a tuple as arguments.

use crate::Function;
use crate::record::{Json, Record};
use crate::stream::{Scattered, Stream};

/// A closure that takes the parts of a tuple as arguments: of two to six.
pub trait Starmap<T>: Send + 'static {
    /// What it returns.
    type Output;

    #[doc(hidden)]
    fn call(&mut self, parts: T) -> Self::Output;
}

macro_rules! starmap {
    ($($part:ident),*) => {
        impl<F, U, $($part),*> Starmap<($($part,)*)> for F
        where
            F: FnMut($($part),*) -> U + Send + 'static,
        {
            type Output = U;

            #[expect(non_snake_case, reason = "a part is named as its type is")]
            fn call(&mut self, ($($part,)*): ($($part,)*)) -> U {
                self($($part),*)
            }
        }
    };
}

starmap!(A, B);
starmap!(A, B, C);
starmap!(A, B, C, D);
starmap!(A, B, C, D, E);
starmap!(A, B, C, D, E, G);

impl<T: Clone + Send + 'static> Stream<T> {
    /// Each tuple through `f`, which takes its parts as arguments.
    ///
    /// ```
    /// let source = engine::Source::new();
    /// source.stream().starmap(|name: String, age: u32| format!("{name} is {age}")).sink(|line: String| {
    ///     println!("{line}");
    /// });
    /// ```
    pub fn starmap<F>(self, mut f: F) -> Stream<F::Output>
    where
        F: Starmap<T, Output: Clone + Send + 'static>,
    {
        self.map(move |parts: T| f.call(parts))
    }
}

impl<T> Scattered<Json<T>>
where
    Json<T>: Record,
{
    /// The parts of each record as the arguments of a plugin's function, which takes them as a tuple.
    pub fn starmap<U: Record>(self, function: &Function<Json<T>, U>) -> Scattered<U> {
        self.map(function)
    }
}

//! `starmap`: the parts of a tuple as arguments.

use crate::Function;
use crate::graph::{Scattered, Stream};
use crate::record::{Json, Record};

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
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, lines) = sinks::list();
    /// source.stream().starmap(|name: &str, age: u32| format!("{name} is {age}")).sink(sink);
    /// source.emit(("Ada", 36)).await?;
    /// source.emit(("Bo", 7)).await?;
    /// source.close().await?;
    /// assert_eq!(lines.take(), ["Ada is 36", "Bo is 7"]);
    /// # Ok(()) }
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
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Json, Pool, Source, sinks};
    ///
    /// let pool = Pool::new()?;
    /// let add = pool.load("add.wasm").await?.function::<Json<(i64, i64)>, i64>("add")?;
    /// let source = Source::new();
    /// let (sink, sums) = sinks::list();
    /// source.stream().scatter(&pool).starmap(&add).buffer(8).gather().sink(sink);
    /// source.emit(Json((1, 2))).await?;
    /// source.emit(Json((3, 4))).await?;
    /// source.close().await?;
    /// assert_eq!(sums.take(), [3, 7]);
    /// # Ok(()) }
    /// ```
    pub fn starmap<U: Record>(self, function: &Function<Json<T>, U>) -> Scattered<U> {
        self.map(function)
    }
}

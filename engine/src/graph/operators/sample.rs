//! `sample`: some of the elements, which stand for all.

use std::num::NonZeroU64;
use std::time::Duration;

use tokio::time::Instant;

use crate::graph::{Operator, Outputs, Stream};
use crate::progress::{Keeps, Restorer, Save, Saver};

impl<T: Clone + Send + 'static> Stream<T> {
    /// The first of every `n` elements; the others are dropped.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroU64;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, some) = sinks::list();
    /// source.stream().sample(NonZeroU64::new(3).unwrap()).sink(sink);
    /// for x in 1..=8 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(some.take(), [1, 4, 7]);
    /// # Ok(()) }
    /// ```
    pub fn sample(self, n: NonZeroU64) -> Self {
        self.through(Sample { n, position: 0 })
    }

    /// The first element of each interval; the others are dropped. The first interval begins with the first element,
    /// each later one with the first element after the interval before.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), engine::Error> {
    /// use std::time::Duration;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, some) = sinks::list();
    /// source.stream().sample_every(Duration::from_secs(1)).sink(sink);
    /// for x in 1..=5 {
    ///     source.emit(x).await?;
    ///     tokio::time::sleep(Duration::from_millis(400)).await;
    /// }
    /// source.close().await?;
    /// assert_eq!(some.take(), [1, 4]);
    /// # Ok(()) }
    /// ```
    pub fn sample_every(self, interval: Duration) -> Self {
        self.through(SampleEvery { interval, begun: None })
    }
}

struct Sample {
    n: NonZeroU64,
    /// Of the next element among `n`.
    position: u64,
}

impl Save for Sample {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.number(self.position);
        Ok(())
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.position = restorer.number()? % self.n;
        Ok(())
    }
}

impl<T: Clone + Send + 'static> Operator<T> for Sample {
    type Output = T;

    fn take(&mut self, element: T, outputs: &mut Outputs<T>) -> Result<(), String> {
        if self.position == 0 {
            outputs.give(element);
        }
        self.position = (self.position + 1) % self.n;
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }
}

struct SampleEvery {
    interval: Duration,
    /// When the interval began that is going on.
    begun: Option<Instant>,
}

impl Save for SampleEvery {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.moments(self.begun.map(|begun| begun + self.interval));
        Ok(())
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.begun = restorer.moments()?.pop().and_then(|end| end.checked_sub(self.interval));
        Ok(())
    }
}

impl<T: Clone + Send + 'static> Operator<T> for SampleEvery {
    type Output = T;

    fn take(&mut self, element: T, outputs: &mut Outputs<T>) -> Result<(), String> {
        let now = Instant::now();
        if self.begun.is_none_or(|begun| now.duration_since(begun) >= self.interval) {
            self.begun = Some(now);
            outputs.give(element);
        }
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }
}

//! Threads that lose calls and closes.

use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;

use super::*;

#[tokio::test]
async fn a_job_that_never_returns_is_counted_and_others_continue() {
    let (threads, lane, other) = (FileThreads::default(), Arc::default(), Arc::default());
    let (release, released) = mpsc::channel::<()>();
    let (began, begun) = oneshot::channel();
    let stuck = threads.run(&lane, move || {
        let _ = began.send(());
        released.recv()
    });
    begun.await.unwrap();
    drop(stuck);
    assert_eq!(threads.stuck(), 1);
    assert_eq!(threads.run(&other, || 7).unwrap().await, Some(7));
    drop(release);
    // The thread that was stuck is free again once it has said so.
    while threads.stuck() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(lane.given_up.load(Relaxed), 0);
}

#[tokio::test]
async fn a_panicking_job_returns_nothing_and_the_next_one_runs() {
    let (threads, lane) = (FileThreads::default(), Arc::default());
    assert_eq!(threads.run(&lane, || panic!("as planned")).unwrap().await, None::<()>);
    assert_eq!(threads.run(&lane, || 7).unwrap().await, Some(7));
    assert_eq!(threads.stuck(), 0);
}

#[tokio::test]
async fn a_cancelled_job_that_waits_for_a_thread_never_starts() {
    let (threads, lane) = (FileThreads::default(), Arc::default());
    let mut running = Vec::new();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    for _ in 0..MOST {
        let released = released.clone();
        running.push(threads.run(&lane, move || drop(released.lock().map(|end| end.recv()))).unwrap());
    }
    let flag = Arc::new(AtomicUsize::new(0));
    let seen = flag.clone();
    drop(threads.run(&lane, move || seen.store(1, Relaxed)));
    drop(release);
    for running in running {
        assert!(running.await.is_some());
    }
    assert_eq!((flag.load(Relaxed), threads.stuck()), (0, 0));
}

#[tokio::test]
async fn files_that_hang_on_close_use_only_their_functions_threads() {
    let (threads, lane, other) = (FileThreads::default(), Arc::default(), Arc::default());
    let (release, released) = mpsc::channel();
    let open = Arc::new(Mutex::new(released));
    for _ in 0..3 * TURNS {
        threads.close(&lane, Duration::ZERO, ClosesWhenFree(open.clone()));
    }
    while threads.stuck() < TURNS {
        tokio::task::yield_now().await;
    }
    assert_eq!((threads.stuck(), threads.is_lost(&lane)), (TURNS, Some(TURNS)));
    assert!(tokio::time::timeout(Duration::from_millis(10), threads.turn(&lane)).await.is_err());
    assert_eq!((threads.run(&other, || 7).unwrap().await, threads.is_lost(&other)), (Some(7), None));
    drop(release);
    let all = Arc::downgrade(&open);
    while all.strong_count() > 1 {
        tokio::task::yield_now().await;
    }
    drop(threads.turn(&lane).await);
    assert_eq!(threads.is_lost(&lane), None);
}

#[tokio::test]
async fn a_function_that_loses_its_threads_takes_none_from_others() {
    let (threads, other) = (FileThreads::default(), Arc::default());
    let (release, released) = mpsc::channel();
    let free = Arc::new(Mutex::new(released));
    for _ in 0..=MOST / TURNS {
        let lane = Arc::default();
        (0..TURNS).for_each(|_| threads.close(&lane, Duration::ZERO, ClosesWhenFree(free.clone())));
    }
    assert_eq!(threads.run(&other, || 7).unwrap().await, Some(7));
    drop(release);
}

struct ClosesWhenFree(Arc<Mutex<mpsc::Receiver<()>>>);

impl Drop for ClosesWhenFree {
    fn drop(&mut self) {
        drop(self.0.lock().map(|released| released.recv()));
    }
}

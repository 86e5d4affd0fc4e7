//! A bounded queue between the one thread that supervises and a thread that writes, so that a slow reader of stdout or a
//! slow disk never blocks supervision.
//!
//! A full queue holds its producers back (reading from the agents' pipes stops). A writer that takes nothing at all for
//! [`PATIENCE`] is stalled: what agents print is then dropped and counted, because an agent that blocks in `print` stops
//! answering.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

/// Bytes that wait in the queue, at most.
const ROOM: usize = 128 * 1024;
/// What the supervisor's own lines may take beyond that.
const RESERVE: usize = 64 * 1024;
/// How long a producer is held back before it drops.
const PATIENCE: Duration = Duration::from_secs(2);

/// Anything with a size.
pub trait Weighed {
    /// Bytes of it.
    fn bytes(&self) -> usize;
}

impl Weighed for Vec<u8> {
    fn bytes(&self) -> usize {
        self.len()
    }
}

impl<T> Weighed for (T, Vec<u8>) {
    fn bytes(&self) -> usize {
        self.1.len()
    }
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    bytes: usize,
    stalled: bool,
    dropped: u64,
    writing: bool,
}

/// The queue.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    emptied: Condvar,
    room: Notify,
}

impl<T: Weighed> Default for Queue<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                bytes: 0,
                stalled: false,
                dropped: 0,
                writing: false,
            }),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            room: Notify::new(),
        }
    }
}

impl<T: Weighed> Queue<T> {
    /// Adds an item, held back while the queue is full.
    pub async fn push(&self, item: T) {
        loop {
            let room = self.room.notified();
            {
                let mut state = self.lock();
                if state.bytes < ROOM {
                    self.add(&mut state, item);
                    return;
                }
                if state.stalled {
                    state.dropped += item.bytes() as u64;
                    return;
                }
            }
            if timeout(PATIENCE, room).await.is_err() {
                let mut state = self.lock();
                state.stalled = state.bytes >= ROOM;
            }
        }
    }

    /// Adds an item at once; drops it only when even the reserve is full.
    pub fn push_now(&self, item: T) {
        let mut state = self.lock();
        if state.bytes < ROOM + RESERVE {
            self.add(&mut state, item);
        } else {
            state.dropped += item.bytes() as u64;
        }
    }

    /// Waits for items and takes them all, with the bytes dropped since the last time.
    pub fn take(&self) -> (VecDeque<T>, u64) {
        let mut state = self.lock();
        state.writing = false;
        self.emptied.notify_all();
        while state.items.is_empty() {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.writing = true;
        state.bytes = 0;
        state.stalled = false;
        let dropped = std::mem::take(&mut state.dropped);
        let items = std::mem::take(&mut state.items);
        drop(state);
        self.room.notify_waiters();
        (items, dropped)
    }

    /// Waits until all is written, but not longer than `patience`.
    pub fn flush(&self, patience: Duration) {
        let end = Instant::now() + patience;
        let mut state = self.lock();
        while state.writing || !state.items.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self
                .emptied
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn add(&self, state: &mut State<T>, item: T) {
        state.bytes += item.bytes();
        state.items.push_back(item);
        self.filled.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::Queue;

    fn run<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn hands_everything_over_in_order() {
        let queue = Arc::new(Queue::<Vec<u8>>::default());
        let reader = Arc::clone(&queue);
        let thread = std::thread::spawn(move || {
            let mut seen = Vec::new();
            while seen.len() < 1_000_000 {
                for item in reader.take().0 {
                    seen.extend(item);
                }
            }
            seen
        });
        // Real time: the reader is another thread.
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(async {
                for number in 0..1000_u32 {
                    queue.push(vec![(number % 251) as u8; 1000]).await;
                }
            });
        let seen = thread.join().unwrap();
        assert_eq!(seen.len(), 1_000_000);
        assert!((0..1000).all(|at| seen[at * 1000] == (at % 251) as u8));
    }

    #[test]
    fn drops_and_counts_when_nobody_reads() {
        let queue = Queue::<Vec<u8>>::default();
        run(async {
            for _ in 0..200 {
                queue.push(vec![0; 1024]).await;
            }
        });
        let (items, dropped) = queue.take();
        assert_eq!(items.len(), 128);
        assert_eq!(dropped, 72 * 1024);
    }

    #[test]
    fn keeps_a_reserve_for_our_own_lines() {
        let queue = Queue::<Vec<u8>>::default();
        run(queue.push(vec![0; 200 * 1024]));
        queue.push_now(b"dropped".to_vec());
        let (_, dropped) = queue.take();
        assert_eq!(dropped, 7);
        run(queue.push(vec![0; 130 * 1024]));
        queue.push_now(b"kept".to_vec());
        assert_eq!(queue.take().0.len(), 2);
        queue.flush(Duration::ZERO);
    }
}

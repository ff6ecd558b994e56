//! Ports that stay free until they are listened on, and again while a broker is down.
//!
//! A port that the system gives away by itself may be the source port of any connection a moment later, and of ours to the
//! broker that has just let go of it. So these lie below that range, and a locked file keeps other test processes off.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};

/// Below what Linux (32768) and macOS (49152) give away by themselves, above what servers of the machine itself use.
const FIRST: u16 = 12_000;
const LAST: u16 = 32_000;
/// How many are locked together, whoever asks for fewer.
const BLOCK: u16 = 8;

/// `N` ports next to one another, ours until this is dropped or the process ends.
#[derive(Debug)]
pub struct Ports<const N: usize> {
    pub numbers: [u16; N],
    _lock: File,
}

impl<const N: usize> Ports<N> {
    /// The first that nobody has, searched from a place of this process's own.
    pub fn reserve() -> Self {
        const { assert!(N <= BLOCK as usize, "a block has fewer") };
        let blocks = (LAST - FIRST) / BLOCK;
        let start = u16::try_from(std::process::id() % u32::from(blocks)).expect("it is one of the blocks");
        let mut tried = (0..blocks).map(|n| FIRST + (start + n) % blocks * BLOCK);
        tried.find_map(Self::of).expect("some ports are free")
    }

    fn of(first: u16) -> Option<Self> {
        let name = std::env::temp_dir().join(format!("queuescope-ports-{first}"));
        // Another user's lock cannot be opened: those are not ours either.
        let lock = File::options().create(true).truncate(false).write(true).open(name).ok()?;
        lock.try_lock().ok()?;
        let numbers = std::array::from_fn(|n| first + u16::try_from(n).expect("a few ports"));
        let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
        numbers.iter().all(is_free).then_some(Self { numbers, _lock: lock })
    }
}

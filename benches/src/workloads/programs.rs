//! Programs that are started and waited for.

use crate::operation::Operation;
use crate::primitives::Programs;

/// A program that does nothing, and ends well.
pub(crate) const PROGRAM: &str = "true";

/// One program, from its start to the end of the wait for it; one at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProgramOp;

impl<P: Programs> Operation<P> for ProgramOp {
    fn batch(self) -> u64 {
        20
    }

    async fn run(self, n: u64) {
        for _ in 0..n {
            assert!(P::run_program(PROGRAM).await, "`{PROGRAM}` failed");
        }
    }
}

//! The futures of permits.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::permit::{OwnedPermit, Permit};
use crate::permits::{Claim, Permits, Source};

impl Source for &Permits {
    #[inline]
    fn permits(&self) -> &Permits {
        self
    }
}

impl Source for Arc<dyn Source + Send + Sync> {
    fn permits(&self) -> &Permits {
        (**self).permits()
    }
}

pin_project! {
    /// The future of [`Semaphore::acquire`](super::Semaphore::acquire).
    ///
    /// ```
    /// # use heist_sync::{AcquirePermit, Semaphore};
    /// # let semaphore = Semaphore::new(1);
    /// let waits: AcquirePermit<'_> = semaphore.acquire();
    /// # drop(waits);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct AcquirePermit<'a> {
        count: u32,
        #[pin]
        claim: Claim<&'a Permits>,
    }
}

impl<'a> AcquirePermit<'a> {
    #[inline]
    #[track_caller]
    pub(super) fn new(permits: &'a Permits, count: u32) -> Self {
        Self { count, claim: Claim::for_user(permits, count) }
    }
}

impl<'a> Future for AcquirePermit<'a> {
    type Output = Permit<'a>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit<'a>> {
        let this = self.project();
        let permits = ready!(this.claim.poll(cx));
        Poll::Ready(Permit::new(permits, *this.count))
    }
}

impl fmt::Debug for AcquirePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquirePermit").field("count", &self.count).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Semaphore::acquire_owned`](super::Semaphore::acquire_owned).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::{AcquireOwned, Semaphore};
    /// # let semaphore = Arc::new(Semaphore::new(1));
    /// let waits: AcquireOwned = semaphore.clone().acquire_owned();
    /// # drop(waits);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct AcquireOwned {
        count: u32,
        #[pin]
        claim: Claim<Arc<dyn Source + Send + Sync>>,
    }
}

impl AcquireOwned {
    #[track_caller]
    pub(super) fn new(semaphore: Arc<dyn Source + Send + Sync>, count: u32) -> Self {
        Self { count, claim: Claim::for_user(semaphore, count) }
    }
}

impl Future for AcquireOwned {
    type Output = OwnedPermit;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OwnedPermit> {
        let this = self.project();
        let semaphore = ready!(this.claim.poll(cx));
        Poll::Ready(OwnedPermit::new(semaphore, *this.count))
    }
}

impl fmt::Debug for AcquireOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireOwned").field("count", &self.count).finish_non_exhaustive()
    }
}

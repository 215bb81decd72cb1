//! Which handles and futures may go to another thread (`Send`), be used from several (`Sync`) and be moved after they were polled
//! (`Unpin`). A change of these tables is a change of the API. Every public type has a row in one of them:
//! `cargo xtask ci auto-traits` names those that have none.
#![cfg(not(heist_loom))]

use std::cell::Cell;
use std::rc::Rc;

/// Not Send: what a current-thread loop may work with.
type Local = Rc<u8>;
/// Send, and not Sync.
type Moved = Cell<u8>;
/// A future that is Send and Unpin.
type Plain = std::future::Ready<u8>;
/// What makes a handler or a protocol.
type Factory = fn() -> u8;

/// The traits of this list that a type has.
macro_rules! traits_of {
    ($type:ty) => {{
        let mut has = Vec::new();
        traits_of!(has, $type, Send, "Send");
        traits_of!(has, $type, Sync, "Sync");
        traits_of!(has, $type, Unpin, "Unpin");
        has.join(" ")
    }};
    ($has:ident, $type:ty, $trait:path, $name:literal) => {{
        #[allow(dead_code, reason = "one of the two is not taken")]
        trait Otherwise {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "one of the two is not taken")]
        impl<T: ?Sized + $trait> Probe<T> {
            const HAS: bool = true;
        }
        if <Probe<$type>>::HAS {
            $has.push($name);
        }
    }};
}

/// Compares each type with what is written beside it, and names all that differ.
macro_rules! table {
    ($($type:ty => $traits:literal,)*) => {{
        let mut differ = Vec::new();
        $(
            let found = traits_of!($type);
            if found != $traits {
                differ.push(format!("{} => {found:?},", stringify!($type)));
            }
        )*
        assert!(differ.is_empty(), "these have other traits:\n{}", differ.join("\n"));
    }};
}

mod features;
mod streams;
mod sync;
mod tasks;
mod unnamed;

#[test]
fn the_probe_tells_them_apart() {
    assert_eq!(traits_of!(u8), "Send Sync Unpin");
    assert_eq!(traits_of!(Moved), "Send Unpin");
    assert_eq!(traits_of!(Local), "Unpin");
    assert_eq!(traits_of!(std::marker::PhantomPinned), "Send Sync");
}

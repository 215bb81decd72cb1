//! [`GroupError`]: every failure of a task group; asyncio's `ExceptionGroup`.

use std::any::Any;
use std::error::Error;
use std::fmt;

use heist_scheduler::TaskError;

#[cfg(doc)]
use crate::task_group;

/// The kind of error that any error converts to.
type BoxError = Box<dyn Error + Send + Sync>;

/// One failure in a [`GroupError`].
///
/// ```
/// heist::run(async {
///     let error = heist::task_group(async |group: heist::TaskGroup<&str>| {
///         drop(group.create_task(async { Err::<(), _>("no paper") }));
///         Ok(())
///     })
///     .await
///     .unwrap_err();
///     assert_eq!(error.errors()[0].error(), Some(&"no paper"));
/// });
/// ```
#[non_exhaustive]
pub enum GroupFailure<E> {
    /// A task, or the body, ended with this error.
    Error(E),
    /// A task panicked.
    Panicked(TaskError),
}

impl<E> GroupFailure<E> {
    /// The error, unless it is a panic.
    pub fn error(&self) -> Option<&E> {
        match self {
            Self::Error(error) => Some(error),
            Self::Panicked(_) => None,
        }
    }

    /// The error.
    ///
    /// # Errors
    ///
    /// The panic, where it is one.
    pub fn into_error(self) -> Result<E, TaskError> {
        match self {
            Self::Error(error) => Ok(error),
            Self::Panicked(panic) => Err(panic),
        }
    }

    /// The text of the panic, where it is one that has a text.
    pub fn panic_message(&self) -> Option<&str> {
        match self {
            Self::Error(_) => None,
            Self::Panicked(panic) => panic.panic_message(),
        }
    }
}

impl<E: 'static> GroupFailure<E> {
    /// The error of a group inside the group, where `E` is `Box<dyn Error + Send + Sync>` and this is one. Where it is a
    /// type of your own, that type knows which of its values are groups.
    pub fn nested(&self) -> Option<&GroupError<E>> {
        let boxed = (self.error()? as &dyn Any).downcast_ref::<BoxError>()?;
        let group: &dyn Any = boxed.downcast_ref::<GroupError<BoxError>>()?;
        // The same type, as the first cast has shown.
        group.downcast_ref()
    }

    /// As [`nested`](Self::nested), by value.
    fn into_nested(self) -> Result<GroupError<E>, Self> {
        if self.nested().is_none() {
            return Err(self);
        }
        let Self::Error(error) = self else { return Err(self) };
        let mut slot = Some(error);
        let group = (&mut slot as &mut dyn Any)
            .downcast_mut::<Option<BoxError>>()
            .and_then(Option::take)
            .and_then(|boxed| boxed.downcast::<GroupError<BoxError>>().ok());
        let mut group = group.map(|group| *group);
        match (&mut group as &mut dyn Any).downcast_mut::<Option<GroupError<E>>>().and_then(Option::take) {
            Some(group) => Ok(group),
            None => unreachable!("`nested` saw it"),
        }
    }

    /// Puts a group into a failure: the reverse of [`into_nested`](Self::into_nested).
    fn from_nested(group: GroupError<E>) -> Option<Self> {
        let mut group = Some(group);
        let group = (&mut group as &mut dyn Any).downcast_mut::<Option<GroupError<BoxError>>>()?.take()?;
        let mut boxed: Option<BoxError> = Some(Box::new(group));
        (&mut boxed as &mut dyn Any).downcast_mut::<Option<E>>()?.take().map(Self::Error)
    }
}

impl<E: fmt::Display> fmt::Display for GroupFailure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Panicked(panic) => panic.fmt(f),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for GroupFailure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Panicked(panic) => panic.fmt(f),
        }
    }
}

/// What went wrong in a [`task_group()`]: every error and panic of its tasks, in the order in which they happened, and at
/// the end that of its body. asyncio: `ExceptionGroup`.
///
/// It converts to `Box<dyn Error + Send + Sync>`, so that groups nest where that is the error type of both; or give an error
/// type of your own a variant for it, with `From`.
///
/// A group that was ended by [`cancel`](crate::TaskGroup::cancel) before its body had a value has an error
/// [without errors](Self::is_cancelled).
///
/// ```
/// heist::run(async {
///     let error = heist::task_group(async |group: heist::TaskGroup<&str>| {
///         drop(group.create_task(async { Err::<(), _>("no paper") }));
///         Ok(())
///     })
///     .await
///     .unwrap_err();
///     assert_eq!(error.to_string(), "1 error in a task group\n└─ no paper");
///     for failure in &error {
///         println!("{failure}");
///     }
/// });
/// ```
pub struct GroupError<E> {
    failures: Vec<GroupFailure<E>>,
}

impl<E> GroupError<E> {
    pub(crate) fn new(failures: Vec<GroupFailure<E>>) -> Self {
        Self { failures }
    }

    /// The failures.
    ///
    /// ```
    /// heist::run(async {
    ///     let error = heist::task_group(async |group: heist::TaskGroup<&str>| {
    ///         drop(group.create_task(async { Err::<(), _>("no paper") }));
    ///         Ok(())
    ///     })
    ///     .await
    ///     .unwrap_err();
    ///     assert_eq!(error.errors().len(), 1);
    /// });
    /// ```
    pub fn errors(&self) -> &[GroupFailure<E>] {
        &self.failures
    }

    /// The failures.
    ///
    /// ```
    /// heist::run(async {
    ///     let error = heist::task_group(async |group: heist::TaskGroup<&str>| {
    ///         drop(group.create_task(async { Err::<(), _>("no paper") }));
    ///         Ok(())
    ///     })
    ///     .await
    ///     .unwrap_err();
    ///     assert_eq!(error.into_errors().remove(0).into_error().unwrap(), "no paper");
    /// });
    /// ```
    pub fn into_errors(self) -> Vec<GroupFailure<E>> {
        self.failures
    }

    /// Whether nothing failed: the group was ended by [`cancel`](crate::TaskGroup::cancel) before its body had a value.
    ///
    /// ```
    /// heist::run(async {
    ///     let error = heist::task_group(async |group: heist::TaskGroup<&str>| {
    ///         drop(group.create_task(async { Err::<(), _>("no paper") }));
    ///         Ok(())
    ///     })
    ///     .await
    ///     .unwrap_err();
    ///     assert!(!error.is_cancelled());
    /// });
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.failures.is_empty()
    }

    /// The failures, one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, GroupFailure<E>> {
        self.failures.iter()
    }
}

impl<E: 'static> GroupError<E> {
    /// The failures of this group and of those inside it ([`nested`](GroupFailure::nested)), without the groups themselves.
    pub fn leaves(&self) -> Vec<&GroupFailure<E>> {
        let mut leaves = Vec::new();
        self.collect_leaves(&mut leaves);
        leaves
    }

    fn collect_leaves<'a>(&'a self, leaves: &mut Vec<&'a GroupFailure<E>>) {
        for failure in &self.failures {
            match failure.nested() {
                Some(group) => group.collect_leaves(leaves),
                None => leaves.push(failure),
            }
        }
    }

    /// Divides the failures: those for which `matches` says so, and the rest; groups inside are divided in their turn, and
    /// keep their place. `None` where nothing is left. asyncio: `ExceptionGroup.split`, `except*`.
    ///
    /// ```
    /// use heist::{TaskGroup, task_group};
    ///
    /// heist::run(async {
    ///     let failed = task_group(async |group: TaskGroup<u32>| {
    ///         for n in 1..=3 {
    ///             drop(group.create_task(async move { Err::<(), _>(n) }));
    ///         }
    ///         std::future::pending::<Result<(), u32>>().await
    ///     });
    ///     let (small, rest) = failed.await.unwrap_err().split(|failure| failure.error() == Some(&1));
    ///     println!("{small:?} {rest:?}");
    /// });
    /// ```
    pub fn split(self, mut matches: impl FnMut(&GroupFailure<E>) -> bool) -> (Option<Self>, Option<Self>) {
        self.split_with(&mut matches)
    }

    fn split_with(self, matches: &mut dyn FnMut(&GroupFailure<E>) -> bool) -> (Option<Self>, Option<Self>) {
        let (mut found, mut rest) = (Vec::new(), Vec::new());
        for failure in self.failures {
            match failure.into_nested() {
                Ok(group) => {
                    let (inside, outside) = group.split_with(matches);
                    found.extend(inside.and_then(GroupFailure::from_nested));
                    rest.extend(outside.and_then(GroupFailure::from_nested));
                }
                Err(failure) if matches(&failure) => found.push(failure),
                Err(failure) => rest.push(failure),
            }
        }
        let group = |failures: Vec<_>| (!failures.is_empty()).then(|| Self::new(failures));
        (group(found), group(rest))
    }
}

impl<E> IntoIterator for GroupError<E> {
    type Item = GroupFailure<E>;
    type IntoIter = std::vec::IntoIter<GroupFailure<E>>;

    fn into_iter(self) -> Self::IntoIter {
        self.failures.into_iter()
    }
}

impl<'a, E> IntoIterator for &'a GroupError<E> {
    type Item = &'a GroupFailure<E>;
    type IntoIter = std::slice::Iter<'a, GroupFailure<E>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Writes a tree: a line for the group, and below it each failure, whose own further lines are indented.
fn write_tree(f: &mut fmt::Formatter<'_>, failures: impl ExactSizeIterator<Item = String>) -> fmt::Result {
    let count = failures.len();
    match count {
        0 => return f.write_str("the task group was cancelled"),
        1 => f.write_str("1 error in a task group")?,
        _ => write!(f, "{count} errors in a task group")?,
    }
    for (index, text) in failures.enumerate() {
        let last = index + 1 == count;
        for (line, text) in text.lines().enumerate() {
            let branch = match (line, last) {
                (0, false) => "├─ ",
                (0, true) => "└─ ",
                (_, false) => "│  ",
                (_, true) => "   ",
            };
            write!(f, "\n{branch}{text}")?;
        }
    }
    Ok(())
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_tree(f, self.failures.iter().map(ToString::to_string))
    }
}

impl<E: fmt::Debug> fmt::Debug for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_tree(f, self.failures.iter().map(|failure| format!("{failure:?}")))
    }
}

impl<E: fmt::Debug + fmt::Display> Error for GroupError<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(text: &str) -> GroupFailure<BoxError> {
        GroupFailure::Error(text.into())
    }

    fn tree() -> GroupError<BoxError> {
        let inner = GroupError::new(vec![boxed("b"), boxed("c")]);
        let panic = GroupFailure::Panicked(TaskError::panicked(Box::new("d")));
        GroupError::new(vec![boxed("a"), GroupFailure::Error(inner.into()), panic])
    }

    #[test]
    fn leaves_are_those_of_all_groups() {
        let tree = tree();
        let texts: Vec<_> = tree.leaves().into_iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["a", "b", "c", "the task panicked: d"]);
        assert_eq!(tree.errors().len(), 3);
        assert_eq!(tree.errors()[2].panic_message(), Some("d"));
    }

    #[test]
    fn split_divides_groups_inside_too() {
        let (found, rest) = tree().split(|failure| matches!(failure.to_string().as_str(), "a" | "c"));
        let expected = "2 errors in a task group\n├─ a\n└─ 1 error in a task group\n   └─ c";
        assert_eq!(found.unwrap().to_string(), expected);
        assert_eq!(rest.unwrap().leaves().len(), 2);
        let (all, none) = tree().split(|_| true);
        assert_eq!(all.unwrap().to_string(), tree().to_string());
        assert!(none.is_none());
    }

    #[test]
    fn text_is_a_tree() {
        assert_eq!(
            tree().to_string(),
            "3 errors in a task group\n├─ a\n├─ 2 errors in a task group\n│  ├─ b\n│  └─ c\n└─ the task panicked: d"
        );
        assert_eq!(GroupError::<BoxError>::new(Vec::new()).to_string(), "the task group was cancelled");
    }
}

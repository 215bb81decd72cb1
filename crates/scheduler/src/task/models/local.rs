//! Local tasks.

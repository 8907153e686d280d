//! Sources, good and bad: archives and folders made here and by real programs, opened as a publish opens them.

mod bad;
mod docker;
mod folder;
mod layout;
mod opening;
mod real;
mod writer;

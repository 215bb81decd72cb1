//! Loops, tasks, and what waits for them.

use super::{Local, Moved, Plain};

#[test]
fn loops_and_tasks() {
    table! {
        heist::Runner => "Unpin",
        heist::Builder => "Send Sync Unpin",
        heist::EventLoop => "Unpin",
        heist::Handle => "Send Sync Unpin",
        heist::Task<u8> => "Send Sync Unpin",
        heist::Task<Moved> => "Send Unpin",
        heist::Task<Local> => "Unpin",
        heist::TaskRef => "Send Sync Unpin",
        heist::TaskInfo => "Send Sync Unpin",
        heist::Awaited => "Send Sync Unpin",
        heist::TaskError => "Send Sync Unpin",
        heist::CancelledError => "Send Sync Unpin",
        heist::SharedTask<u8> => "Send Sync Unpin",
        heist::SharedFuture<u8> => "Send Sync Unpin",
        heist::TaskBuilder<Plain> => "Send Sync Unpin",
        heist::CallbackHandle => "Send Sync Unpin",
        heist::TimerHandle => "Send Sync Unpin",
        heist::Metrics => "Send Sync Unpin",
        heist::ShutdownReport => "Send Sync Unpin",
        heist::ThreadPoolExecutor => "Send Sync Unpin",
        heist::ThreadFuture<u8> => "Send Sync Unpin",
        heist::WrappedFuture<u8> => "Send Sync Unpin",
        heist::contextvars::Context => "Send Sync Unpin",
        heist::ContextVar<u8> => "Send Sync Unpin",
        heist::TaskGroup<u8> => "Send Sync Unpin",
        heist::GroupTask<u8, u8> => "Send Sync Unpin",
        heist::GroupError<u8> => "Send Sync Unpin",
        heist::TaskFuture<u8> => "Send Sync Unpin",
        heist::TaskFuture<Moved> => "Send Unpin",
        heist::TaskFuture<Local> => "Unpin",
        heist::TaskWait<'static, u8> => "Send Sync Unpin",
        heist::TaskWait<'static, Local> => "Unpin",
        heist::TaskOptions => "Send Sync Unpin",
        heist::ResultError => "Send Sync Unpin",
        heist::Start<u8> => "Send Unpin",
        heist::Coroutine<Plain> => "Send Sync Unpin",
        heist::Coroutine<Local> => "Unpin",
        heist::Shield<heist::ShieldedTask<u8>> => "Send Unpin",
        heist::ShieldFuture<heist::ShieldedTask<u8>> => "Send Unpin",
        heist::ShieldedTask<u8> => "Send Unpin",
        heist::ShieldedTask<Local> => "Unpin",
        heist::Awaited => "Send Sync Unpin",
        heist::FrameCallGraphEntry => "Send Sync Unpin",
        heist::FutureCallGraph => "Send Sync Unpin",
        heist::ExceptionContext => "Send Sync Unpin",
        heist::LoopClosedError => "Send Sync Unpin",
        heist::RunError => "Send Sync Unpin",
        heist::PanicPolicy => "Send Sync Unpin",
        heist::WorkerMetrics => "Send Sync Unpin",
    }
}

#[test]
fn threads() {
    table! {
        heist::ExecutorClosedError => "Send Sync Unpin",
        heist::ShutdownExecutor => "Send Sync Unpin",
        heist::ThreadFutureError => "Send Sync Unpin",
    }
}

#[test]
fn groups() {
    table! {
        heist::GroupFailure<u8> => "Send Sync Unpin",
        heist::TaskGroupClosed<Plain> => "Send Sync Unpin",
        heist::Gather<Vec<heist::Task<u8>>> => "Send Unpin",
        heist::Gather<Vec<heist::Task<Moved>>> => "Send Unpin",
        heist::Gather<Vec<heist::Task<Local>>> => "Unpin",
        heist::GatherAll<Vec<heist::Task<u8>>> => "Send Unpin",
        heist::GatherRef => "Send Sync Unpin",
        heist::GatherFuture<Vec<heist::Task<u8>>> => "Send Unpin",
        heist::GatherFuture<Vec<heist::Task<Local>>> => "Unpin",
        heist::GatherAllFuture<Vec<heist::Task<u8>>> => "Send Unpin",
        heist::GatherWait<'static, Vec<heist::Task<u8>>> => "Send Unpin",
        heist::TryGather<Vec<heist::Task<Result<u8, u8>>>> => "Send Unpin",
        heist::TryGatherFuture<Vec<heist::Task<Result<u8, u8>>>> => "Send Unpin",
        heist::TryGatherError<u8> => "Send Sync Unpin",
    }
}

#[test]
fn waiting() {
    table! {
        heist::Sleep => "Send Sync Unpin",
        heist::SleepResult<u8> => "Send Sync Unpin",
        heist::Timeout<Plain> => "Send Sync Unpin",
        heist::TimeoutError => "Send Sync Unpin",
        heist::TimeoutScope => "Send Sync Unpin",
        heist::Interval => "Send Sync Unpin",
        heist::YieldNow => "Send Sync Unpin",
        heist::WaitFor<heist::Task<u8>> => "Send Sync Unpin",
        heist::AsCompleted<heist::Task<u8>> => "Send Unpin",
        heist::CatchCancelled<Plain> => "Send Sync Unpin",
        heist::Passes => "Send Unpin",
        heist::future::Future<u8> => "Send Sync Unpin",
        heist::AsCompletedWithin<u8> => "Send Unpin",
        heist::NextTask<'static, u8> => "Send Unpin",
        heist::NextTask<'static, Local> => "Unpin",
        heist::NextTaskWithin<'static, u8> => "Send Unpin",
        heist::Completion<u8> => "Send Sync Unpin",
        heist::Completions<u8> => "Send Sync Unpin",
        heist::Wait<u8> => "Send Unpin",
        heist::Wait<Moved> => "Send Unpin",
        heist::Wait<Local> => "Unpin",
        heist::Waiting<u8> => "Send Unpin",
        heist::Waiting<Local> => "Unpin",
        heist::AllCompleted => "Send Sync Unpin",
        heist::FirstCompleted => "Send Sync Unpin",
        heist::FirstException => "Send Sync Unpin",
        heist::MissedTickBehavior => "Send Sync Unpin",
        heist::RescheduleError => "Send Sync Unpin",
        heist::contextvars::ResetError => "Send Sync Unpin",
        heist::contextvars::Scope<Plain> => "Send Sync Unpin",
        heist::contextvars::Token<u8> => "Send Sync Unpin",
        heist::future::Wait<u8> => "Send Sync",
        heist::future::CallbackId => "Send Sync Unpin",
        heist::future::FutureError => "Send Sync Unpin",
    }
}

//! Samples 001: the high-level API.

use crate::sample::sample;

#[test]
fn s001_01_hello_world() {
    sample!(s001_01_hello_world).prints("0 hello\n1000 world").test();
}

#[test]
fn s001_02_one_after_the_other() {
    sample!(s001_02_one_after_the_other)
        .prints("0 started at T\n1000 hello\n3000 world\n3000 finished at T")
        .test();
}

#[test]
fn s001_03_as_two_tasks() {
    sample!(s001_03_as_two_tasks).prints("0 started at T\n1000 hello\n2000 world\n2000 finished at T").test();
}

#[test]
fn s001_04_three_factorials() {
    sample!(s001_04_factorials)
        .prints(
            "
            0 Task A: Compute factorial(2)...
            0 Task B: Compute factorial(2)...
            0 Task C: Compute factorial(2)...
            1000 Task A: factorial(2) = 2
            1000 Task B: Compute factorial(3)...
            1000 Task C: Compute factorial(3)...
            2000 Task B: factorial(3) = 6
            2000 Task C: Compute factorial(4)...
            3000 Task C: factorial(4) = 24
            ",
        )
        .test();
}

#[test]
fn s001_05_a_gather_that_collects_an_error() {
    sample!(s001_05_return_exceptions).prints("0 coro 2\n0 coro 3\n3000 [Exception(), 2, 3]").test();
}

#[test]
fn s001_06_a_gather_that_ends_with_the_first_error() {
    sample!(s001_06_first_exception).prints("0 coro 2\n0 coro 3").fails().test();
}

#[test]
fn s001_07_a_cancel_does_not_reach_what_is_shielded() {
    sample!(s001_07_shield)
        .prints(
            "
            2000 something is done
            2000 value
            3000 CancelledError
            4000 something is done
            ",
        )
        .test();
}

#[test]
fn s001_08_an_hour_that_is_given_a_second() {
    sample!(s001_08_wait_for).prints("1000 timeout!").test();
}

#[test]
fn s001_09_the_three_conditions_of_wait() {
    sample!(s001_09_wait)
        .prints(
            "
            1000 FIRST_COMPLETED: 1 done, 2 pending
            3000 FIRST_EXCEPTION: 2 done, 1 pending
            6000 ALL_COMPLETED: 3 done, 0 pending
            ",
        )
        .test();
}

#[test]
fn s001_10_a_coroutine_from_another_thread() {
    sample!(s001_10_threadsafe).prints("0 3").in_real_time().test_once();
}

#[test]
fn s001_11_which_task_this_is_and_which_there_are() {
    sample!(s001_11_introspection)
        .prints(
            "
            0 all_tasks: main worker
            0 current_task in the worker: worker
            0 all_tasks: main
            0 current_task in a callback: None
            ",
        )
        .test();
}

#[test]
fn s001_14_four_competitors_for_a_lock() {
    sample!(s001_14_lock)
        .prints(
            "
            0 competitor1 try to get lock
            0 competitor1 get the lock
            0 competitor sleep for 1 seconds...
            0 competitor2 try to get lock
            0 competitor3 try to get lock
            0 competitor4 try to get lock
            1000 competitor1 wake up!
            1000 competitor1 give up the lock
            1000 competitor2 get the lock
            1000 competitor sleep for 2 seconds...
            3000 competitor2 wake up!
            3000 competitor2 give up the lock
            3000 competitor3 get the lock
            3000 competitor sleep for 3 seconds...
            6000 competitor3 wake up!
            6000 competitor3 give up the lock
            6000 competitor4 get the lock
            6000 competitor sleep for 4 seconds...
            10000 competitor4 wake up!
            10000 competitor4 give up the lock
            ",
        )
        .test();
}

#[test]
fn s001_15_a_lock_by_acquire_and_release() {
    sample!(s001_15_acquire_release).prints("0 locked: true\n0 locked: false").test();
}

#[test]
fn s001_16_a_task_that_waits_for_an_event() {
    sample!(s001_16_event).prints("0 waiting for it ...\n1000 ... got it!").test();
}

#[test]
fn s001_17_waiting_on_a_condition() {
    sample!(s001_17_condition)
        .prints("0 waiting\n1000 notifies\n1000 notified, and has the lock again")
        .test();
}

#[test]
fn s001_18_ten_permits_for_twelve() {
    sample!(s001_18_semaphore)
        .prints(
            "
            0 1 works
            0 2 works
            0 3 works
            0 4 works
            0 5 works
            0 6 works
            0 7 works
            0 8 works
            0 9 works
            0 10 works
            1000 11 works
            1000 12 works
            ",
        )
        .test();
}

#[test]
fn s001_19_a_semaphore_released_too_often() {
    sample!(s001_19_bounded_semaphore).prints("0 released\n0 released too many times").test();
}

#[cfg(unix)]
#[test]
fn s001_20_a_command_in_the_shell() {
    // What `ls` says here, and its status, are the system's.
    let ls = std::process::Command::new("sh").args(["-c", "ls /zzz"]).output().unwrap();
    let says = String::from_utf8(ls.stderr).unwrap();
    let expected = format!(
        "0 ['ls /zzz' exited with {}]\n0 [stderr]\n0 {}\n0 ",
        ls.status.code().unwrap(),
        says.trim_end()
    );
    sample!(s001_20_subprocess).prints(&expected).in_real_time().test();
}

//! Samples 000: tasks, futures, a crawler.

use crate::sample::sample;

#[test]
fn s000_01_three_counters() {
    sample!(s000_01_three_counters).prints("0 one\n0 one\n0 one\n2000 two\n2000 two\n2000 two").test();
}

#[test]
fn s000_02_get_event_loop() {
    sample!(s000_02_get_event_loop).prints("0 work").test();
}

#[test]
fn s000_03_two_named_tasks_waited_for() {
    sample!(s000_03_named_tasks)
        .prints(
            "
            0 1
            0 1
            2000 2
            2000 2
            2000 {<Task finished name='n1' result='return'>, <Task finished name='n2' result='return'>}
            ",
        )
        .test();
}

#[test]
fn s000_04_a_list_of_tasks_made_outside_of_the_loop() {
    sample!(s000_04_task_list).prints("0 1\n0 1\n2000 2\n2000 2").test();
}

#[test]
fn s000_05_a_future_that_another_task_fills() {
    sample!(s000_05_future).prints("").test();
}

#[test]
fn s000_06_a_crawler_with_a_hundred_workers() {
    let pages: Vec<_> = (0..1000).map(|page| format!("0 page /exercise_middleware_ip/{page}\n0 ")).collect();
    sample!(s000_06_crawler).prints(&pages.join("\n")).in_any_order().in_real_time().test();
}

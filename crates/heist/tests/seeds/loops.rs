//! Samples 002 to 004: event loops, callbacks, threads.

use crate::sample::sample;

const HELLO: &str = "0 start get url\n2000 end get url\n2000 hello world\n2000 共计花费时间:F";

#[test]
fn s002_01_one_coroutine() {
    sample!(s002_01_one_coroutine).prints("0 start get url\n2000 end get url\n2000 共计花费时间:F").test();
}

#[test]
fn s002_02_two_coroutines_as_a_list() {
    sample!(s002_02_list_of_coroutines)
        .prints(
            "
            0 start get url
            0 start get url
            2000 end get url
            2000 end get url
            2000 共计花费时间:F
            ",
        )
        .test();
}

#[test]
fn s002_03_a_result_by_ensure_future() {
    sample!(s002_03_ensure_future).prints(HELLO).test();
}

#[test]
fn s002_04_a_result_by_create_task() {
    sample!(s002_04_create_task).prints(HELLO).test();
}

#[test]
fn s002_05_a_callback_for_the_end() {
    sample!(s002_05_done_callback)
        .prints(
            "
            0 start get url
            2000 end get url
            2000 start callbback
            2000 hello world
            2000 共计花费时间:F
            ",
        )
        .test();
}

#[test]
fn s002_06_a_callback_with_an_argument() {
    sample!(s002_06_partial)
        .prints(
            "
            0 start get url
            2000 end get url
            2000 url:imooc.com
            2000 start callbback
            2000 hello world
            2000 共计花费时间:F
            ",
        )
        .test();
}

#[test]
fn s002_07_a_gather_of_two() {
    sample!(s002_07_gather).prints("2000 ['foo', 'bar']").test();
}

#[test]
fn s002_08_waiting_for_two() {
    sample!(s002_08_wait).prints("2000 foo\n2000 bar").in_any_order().test();
}

#[test]
fn s002_09_a_gather_of_gathers() {
    sample!(s002_09_nested_gathers)
        .prints(
            "
            0 start get url
            0 start get url
            0 start get url
            0 start get url
            2000 end get url
            2000 end get url
            2000 end get url
            2000 end get url
            2000 共计花费时间:F
            ",
        )
        .test();
}

#[test]
fn s002_10_nobody_presses_ctrl_c() {
    // `tests/signals` has the one where somebody does.
    sample!(s002_10_ctrl_c)
        .prints(
            "
            0 start get html
            0 start get html
            0 start get html
            2000 end get html
            3000 end get html
            3000 end get html
            ",
        )
        .test();
}

#[test]
fn s002_11_a_coroutine_that_awaits_another() {
    sample!(s002_11_nested_coroutine)
        .prints(
            "
            0 Main coroutine started
            0 This is the nested coroutine
            2000 Main coroutine received: Nested coroutine result
            2000 Main coroutine finished
            ",
        )
        .test();
}

#[test]
fn s002_12_call_soon() {
    sample!(s002_12_call_soon).prints("0 Callback executed").runs_on().test();
}

#[test]
fn s002_13_call_later() {
    sample!(s002_13_call_later).prints("5000 Callback executed after 5 seconds").runs_on().test();
}

#[test]
fn s002_14_call_at() {
    sample!(s002_14_call_at).prints("10000 Callback executed at specific time").runs_on().test();
}

#[test]
fn s002_15_call_soon_threadsafe() {
    sample!(s002_15_call_soon_threadsafe)
        .prints("0 Callback executed from another thread")
        .in_real_time()
        .runs_on()
        .test();
}

#[test]
fn s002_16_three_blocking_calls() {
    sample!(s002_16_thread_pool)
        .prints(
            "
            0 获取url: http://www.baidu.com
            0 获取url: http://www.baidu.com
            0 获取url: http://www.baidu.com
            0 get_html end \n\
            0 get_html end \n\
            0 get_html end \n\
            0 cost time :F
            ",
        )
        .in_real_time()
        .test_once();
}

#[test]
fn s003_01_twenty_blocking_calls_on_one_thread() {
    let calls = "0 start http://baidu.com\n0 end http://baidu.com\n".repeat(20);
    sample!(s003_01_one_thread).prints(&calls).in_real_time().test();
}

#[test]
fn s003_02_twenty_pages_by_hand() {
    let page = "0 HTTP/F 200 OK\r\n0 \n0 Content-Length: 7\r\n0 \n0 Connection: close\r\n0 \n0 \r\n0 \n0 page /\n0 \n";
    let expected = page.repeat(20) + "0 F";
    sample!(s003_02_http_by_hand).prints(&expected).in_real_time().test();
}

#[test]
fn s003_03_the_concepts_of_the_text() {
    sample!(s003_03_concepts)
        .prints(
            "
            1000 callback: task is done
            1000 result 1
            2000 the gather was cancelled
            2000 call_soon
            2000 call_soon_threadsafe
            3000 call_later
            4000 call_at
            5000 put 1
            5000 put 2
            5000 got 1 and 2
            ",
        )
        .test();
}

#[test]
fn s004_01_five_hellos_one_after_the_other() {
    sample!(s004_01_synchronous).prints("0 Hello World:F\n".repeat(5).as_str()).in_real_time().test_once();
}

#[test]
fn s004_02_five_hellos_at_a_time() {
    let expected = "0 Hello World:F\n".repeat(5) + &"1000 Hello wow World:F\n".repeat(5);
    sample!(s004_02_five_hellos).prints(&expected).test();
}

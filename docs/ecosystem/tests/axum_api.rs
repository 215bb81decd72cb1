#![cfg(unix)]
//! The JSON API example, asked by curl, and under the load of wrk.

#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/axum_api.rs"]
mod axum_api;
mod support;

use std::path::Path;
use std::process::Command;

use support::{Copy, peers, program};

/// The test that runs the program, in a copy.
const PROGRAM: &str = "it_refuses_what_it_does_not_know";

#[test]
fn it_refuses_what_it_does_not_know() {
    program::run_in_a_copy(axum_api::program);
    for args in [["--max-connections", "many"], ["--colour", "1"]] {
        assert_eq!(program::start(PROGRAM, &args).wait().code(), Some(2), "{args:?}");
    }
    assert_eq!(program::start(PROGRAM, &["--max-connections", "0"]).wait().code(), Some(1));
}

/// The program, and where it serves.
fn start() -> (Copy, String) {
    let mut copy = program::start(PROGRAM, &["--listen", "127.0.0.1:0"]);
    let line = copy.stdout.until("Serving on ");
    let url = format!("http://{}", line.trim_start_matches("Serving on "));
    (copy, url)
}

/// Ends the program, which must be in good order.
fn stop(mut copy: Copy) {
    copy.interrupt();
    copy.stdout.until("Ending, with ");
    copy.stdout.until("connections ended by themselves");
    assert!(copy.wait().success());
}

/// Status and body.
fn curl(curl: &Path, url: &str, args: &[&str]) -> (u16, String) {
    let mut command = Command::new(curl);
    command.args([
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--max-time",
        "60",
        "--write-out",
        "\n%{http_code}",
    ]);
    let output = command.args(args).arg(url).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

#[test]
fn curl_makes_changes_and_removes_things() {
    let Some(program) = peers::find("curl") else { return };
    let (copy, url) = start();
    let ask = |path: &str, args: &[&str]| curl(&program, &format!("{url}{path}"), args);
    let json = "content-type: application/json";
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        assert_eq!(ask("/things", &[version]), (200, "[]".to_owned()));
        let (status, made) = ask("/things", &[version, "-H", json, "-d", r#"{"name":"lamp","price":20}"#]);
        assert_eq!(status, 201);
        let made: serde_json::Value = serde_json::from_str(&made).unwrap();
        let path = format!("/things/{}", made["number"]);
        assert_eq!((&made["name"], &made["price"]), (&"lamp".into(), &20.into()));
        let (status, changed) =
            ask(&path, &[version, "-X", "PUT", "-H", json, "-d", r#"{"name":"l\u00e4mp","price":7}"#]);
        assert!(status == 200 && changed.contains("lämp"), "{changed}");
        assert_eq!(ask(&path, &[version]), (200, changed));
        assert_eq!(ask(&path, &[version, "-X", "DELETE"]), (204, String::new()));
        let (status, said) = ask(&path, &[version]);
        assert!(status == 404 && said.contains("there is no thing"), "{said}");
    }
    stop(copy);
}

#[test]
fn curl_is_told_what_is_wrong() {
    let Some(program) = peers::find("curl") else { return };
    let (copy, url) = start();
    let json = "content-type: application/json";
    for (data, status) in [
        ("not json", 400),
        (r#"{"name":"lamp"}"#, 422),
        (r#"{"name":"lamp","price":-1}"#, 422),
        (r#"{"name":"lamp","price":1,"colour":2}"#, 422),
    ] {
        let (found, said) = curl(&program, &format!("{url}/things"), &["-H", json, "-d", data]);
        assert!(found == status && said.starts_with(r#"{"error":""#), "{data}: {found} {said}");
    }
    assert_eq!(curl(&program, &format!("{url}/things"), &["-d", "{}"]).0, 415, "no type is said");
    assert_eq!(curl(&program, &format!("{url}/things/one"), &[]).0, 400);
    assert_eq!(curl(&program, &format!("{url}/nowhere"), &[]).0, 404);
    assert_eq!(curl(&program, &format!("{url}/things"), &["-X", "DELETE"]).0, 405);
    stop(copy);
}

/// No answer is lost, doubled or wrong while wrk asks as fast as it can: the counter says how many requests came.
#[test]
fn it_stays_correct_under_load() {
    let (Some(wrk), Some(curl_at)) = (peers::find("wrk"), peers::find("curl")) else { return };
    let (copy, url) = start();
    let script = support::temporary_path("count.lua");
    // Each answer must be a number; wrk counts what it got whole.
    std::fs::write(
        &script,
        "wrk.method = 'POST'\n\
         local wrong = 0\n\
         function response(status, headers, body)\n\
             if status ~= 200 or not tonumber(body) then wrong = wrong + 1 end\n\
             if wrong > 0 then print('wrong', status, body) end\n\
         end\n",
    )
    .unwrap();
    let args = ["-t", "2", "-c", "64", "-d", "2s", "--timeout", "20s", "-s"];
    let output = Command::new(wrk).args(args).arg(&script).arg(format!("{url}/count")).output().unwrap();
    std::fs::remove_file(&script).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("wrong") && !text.contains("Non-2xx"), "{text}");
    assert!(!text.contains("Socket errors"), "{text}");
    let requests = text.lines().find(|line| line.contains(" requests in ")).unwrap();
    let requests: u64 = requests.split_whitespace().next().unwrap().parse().unwrap();
    let (_, counted) = curl(&curl_at, &format!("{url}/count"), &["-X", "POST"]);
    let counted: u64 = counted.parse().unwrap();
    println!("{}", text.lines().filter(|line| line.contains("/sec")).collect::<String>());
    // wrk leaves each connection with one request that it does not count.
    assert!((requests + 1..=requests + 1 + 64).contains(&counted), "{requests} answers, {counted} counted");
    stop(copy);
}

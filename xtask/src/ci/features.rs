//! `cargo test --workspace` tests what is behind features, too.
//!
//! No feature is turned on for it by hand: cargo builds the facade once, with every feature that some package of the workspace
//! asks for. So the packages with other people's libraries (docs/ecosystem) have the tests, examples and documentation of all
//! crates run with those features. A feature that none of them asked for would be tested by nobody.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::tree;

/// Names the features of the facade that no package of the workspace turns on.
pub(crate) fn check() -> Result<(), String> {
    let missing = unused(&tree::metadata()?)?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "no package of the workspace turns these features of `heist` on, so no test is run with them: {}",
        missing.join(", ")
    ))
}

/// From `cargo metadata`'s answer.
fn unused(metadata: &Value) -> Result<Vec<String>, String> {
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let facade = packages.iter().find(|package| package["name"] == "heist");
    let features = facade
        .and_then(|facade| facade["features"].as_object())
        .ok_or("the workspace has no package `heist` with features")?;
    let dependencies = packages.iter().flat_map(|package| list(&package["dependencies"]));
    let on_the_facade = dependencies.filter(|dependency| dependency["name"] == "heist");
    let asked = on_the_facade.flat_map(|dependency| list(&dependency["features"])).filter_map(Value::as_str);
    let mut left: Vec<&str> = asked.chain(["default"]).collect();
    let mut on = BTreeSet::new();
    while let Some(feature) = left.pop() {
        if on.insert(feature) {
            // What it turns on in other crates is no feature of the facade, and does no harm here.
            left.extend(features.get(feature).into_iter().flat_map(list).filter_map(Value::as_str));
        }
    }
    Ok(features.keys().filter(|feature| !on.contains(feature.as_str())).cloned().collect())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_feature_is_on_by_itself_by_another_one_or_by_default() {
        let metadata = json!({ "packages": [
            { "name": "heist", "dependencies": [], "features": {
                "default": ["base"], "base": [], "serve": ["hyper", "dep:x"], "hyper": ["x/y"], "quinn": [], "tls": [],
            } },
            { "name": "a", "dependencies": [{ "name": "heist", "features": ["serve"] }], "features": {} },
            { "name": "b", "dependencies": [{ "name": "other", "features": ["tls"] }], "features": {} },
        ] });
        assert_eq!(unused(&metadata).unwrap(), ["quinn", "tls"]);
        assert!(unused(&json!({ "packages": [] })).is_err());
    }
}

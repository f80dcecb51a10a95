use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    elements::Element,
    sarif::{RESULTS_MAX, RULES_MAX},
    *,
};
use crate::posture::domain::{Category, Finding, Severity};

/// All objects of a file that comes in pieces of these sizes, read by as many [`Elements`] as it is interrupted.
fn read(file: &[u8], pieces: &[(usize, bool)]) -> Result<Vec<Element>, Problem> {
    let (mut elements, mut found) = (Elements::default(), Vec::new());
    let mut pieces = pieces.iter().copied().cycle();
    loop {
        let at = usize::try_from(elements.received()).unwrap();
        let (size, interrupted) = pieces.next().unwrap_or((file.len().max(1), false));
        let piece = &file[at..file.len().min(at + size)];
        elements.push(piece);
        let last = at + piece.len() == file.len();
        if last {
            elements.finish();
        }
        while let Some(element) = elements.next()? {
            found.push(element);
        }
        if last {
            return Ok(found);
        }
        if interrupted {
            let stored = serde_json::to_string(&elements.place()).unwrap();
            elements = Elements::after(serde_json::from_str(&stored).unwrap());
        }
    }
}

fn whole(file: &str) -> Result<Vec<(u64, String)>, Problem> {
    let found = read(file.as_bytes(), &[])?;
    Ok(found.into_iter().map(|e| (e.line, String::from_utf8(e.bytes).unwrap().trim().to_owned())).collect())
}

fn mistake(file: &str) -> (u64, String) {
    let problem = whole(file).unwrap_err();
    (problem.line, problem.text)
}

#[test]
fn objects_of_arrays_and_of_lines_are_found_with_their_lines() {
    let one = (1, r#"{"a":"]}\"{["}"#.to_owned());
    assert_eq!(whole(r#"[{"a":"]}\"{["}]"#), Ok(vec![one.clone()]));
    assert_eq!(whole("\u{feff}[\n]\n"), Ok(vec![]));
    assert_eq!(whole("[{},\r\n\n {\"b\":[{}]}\n]  \n"), Ok(vec![(1, "{}".into()), (3, "{\"b\":[{}]}".into())]));
    assert_eq!(whole("\u{feff}{}\n\n{\"c\":1}\r\n"), Ok(vec![(1, "{}".into()), (3, "{\"c\":1}".into())]));
    assert_eq!(whole("{}"), Ok(vec![(1, "{}".into())]), "the last line needs no end");
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let deep = format!("[\n{{\"a\":\n{}", "[".repeat(70));
    let large = format!("[\n{{\"a\":\"{}\"}}]", "x".repeat(1 << 20));
    for (file, line, part) in [
        ("", 1, "empty"),
        ("\n \n", 3, "empty"),
        ("<xml/>", 1, "begins with"),
        ("[\n1]", 2, "an object, or the end"),
        ("[{}\n{}]", 2, "a comma"),
        ("[{},\n]", 2, "an object is expected"),
        ("[{}]\n\nx", 3, "after the end"),
        ("[{}\n", 2, "before its array"),
        ("[{},\n{\"a\":", 2, "within the object"),
        (deep.as_str(), 3, "nested deeper"),
        (large.as_str(), 2, "over 1048576 bytes"),
    ] {
        let (found, text) = mistake(file);
        assert!(found == line && text.contains(part), "{file:.40}: {found}: {text}");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), ".{0,8}".prop_map(Value::from)];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    /// Wherever a file is cut, and wherever reading it is interrupted, it has the same objects.
    #[test]
    fn any_pieces_and_interruptions_give_the_same(
        objects in prop::collection::vec(prop::collection::btree_map("[a-z]{1,3}", json_value(), 0..4), 0..12),
        (lines, pretty, bom) in any::<(bool, bool, bool)>(),
        pieces in prop::collection::vec((1_usize..40, any::<bool>()), 1..6),
    ) {
        // A piece that is smaller than an object is not interrupted for ever.
        let pieces: Vec<_> = pieces.into_iter().chain([(1 << 16, false)]).collect();
        let texts: Vec<_> = objects.iter().map(|object| match pretty && !lines {
            true => serde_json::to_string_pretty(object).unwrap(),
            false => serde_json::to_string(object).unwrap(),
        }).collect();
        let file = match lines && !texts.is_empty() {
            true => texts.join("\n"),
            false => format!("[\n{}]\n", texts.join(",\n")),
        };
        let file = if bom { format!("\u{feff}{file}") } else { file };
        let found = read(file.as_bytes(), &pieces).unwrap();
        prop_assert_eq!(&found, &read(file.as_bytes(), &[]).unwrap());
        prop_assert_eq!(found.len(), objects.len());
        for (element, text) in found.iter().zip(&texts) {
            prop_assert_eq!(&element.bytes, text.as_bytes());
            let begin = usize::try_from(element.offset).unwrap();
            prop_assert_eq!(&file.as_bytes()[begin..begin + text.len()], text.as_bytes());
            let before = file[..begin].matches('\n').count();
            prop_assert_eq!(element.line, before as u64 + 1);
        }
    }
}

fn ocsf(event: &Value) -> Result<Vec<Finding>, Problem> {
    findings_at(&serde_json::to_string_pretty(event).unwrap(), 10)
}

fn findings_at(text: &str, line: u64) -> Result<Vec<Finding>, Problem> {
    ocsf_findings(&Element { bytes: text.as_bytes().to_vec(), line, offset: 0 })
}

/// A finding with the fields that Prowler 5 writes, and values as it fills them.
fn prowler() -> Value {
    json!({
        "message": "ECS instance i-1 has a public address.",
        "metadata": {
            "event_code": "ecs_instance_no_public_ip",
            "product": {"name": "Prowler", "uid": "prowler", "vendor_name": "Prowler", "version": "5.14.0"},
            "profiles": ["cloud", "datetime"], "tenant_uid": "", "version": "1.5.0"
        },
        "severity_id": 4, "severity": "High", "status": "New", "status_code": "FAIL",
        "status_detail": "ECS instance i-1 has a public address.", "status_id": 1,
        "unmapped": {"related_url": "", "categories": ["internet-exposed"], "compliance": {"CIS-2.0": ["4.1"]}},
        "activity_name": "Create", "activity_id": 1,
        "finding_info": {
            "created_time": 1739539623, "created_time_dt": "2025-02-14T14:27:03.913874",
            "desc": "Instances are without public addresses.", "title": "No public address", "types": [],
            "uid": "prowler-alibabacloud-ecs_instance_no_public_ip-1000-eu-central-1-i-1"
        },
        "resources": [{
            "cloud_partition": "", "region": "eu-central-1", "data": {"details": "", "metadata": {"ports": [22]}},
            "group": {"name": "ecs"}, "labels": [], "name": "web", "type": "AlibabaCloudEcsInstance",
            "uid": "acs:ecs:eu-central-1:1000:instance/i-1"
        }],
        "category_name": "Findings", "category_uid": 2, "class_name": "Detection Finding", "class_uid": 2004,
        "cloud": {"account": {"uid": "1000"}, "provider": "alibabacloud", "region": "eu-central-1"},
        "remediation": {"desc": "Release the address.", "references": ["aliyun vpc ReleaseEipAddress", "https://example.com/eip"]},
        "risk_details": "Whoever knows the address can try it.",
        "time": 1739539623, "time_dt": "2025-02-14T14:27:03.913874", "type_uid": 200401, "type_name": "Detection Finding: Create"
    })
}

#[test]
fn a_finding_of_prowler_is_read() {
    let found = ocsf(&prowler()).unwrap();
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(finding.uid, "prowler-alibabacloud-ecs_instance_no_public_ip-1000-eu-central-1-i-1");
    assert_eq!((finding.source.as_str(), finding.rule.as_str()), ("Prowler", "ecs_instance_no_public_ip"));
    assert_eq!((finding.category, finding.severity, finding.passed), (Category::Baseline, Severity::High, false));
    assert_eq!(finding.title, "No public address");
    assert_eq!(finding.detail, "ECS instance i-1 has a public address.");
    assert_eq!(finding.description, "Instances are without public addresses.\n\nWhoever knows the address can try it.");
    assert_eq!(finding.remediation, "Release the address.");
    assert_eq!(finding.references, ["aliyun vpc ReleaseEipAddress", "https://example.com/eip"]);
    assert_eq!(finding.resource, "acs:ecs:eu-central-1:1000:instance/i-1");
    assert_eq!((finding.resource_type.as_str(), finding.region.as_str()), ("AlibabaCloudEcsInstance", "eu-central-1"));
}

/// The event with a value at a JSON pointer; without what is there if it is null.
fn with(pointer: &str, value: Value) -> Value {
    let mut event = prowler();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let object = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        object.remove(key)
    } else {
        object.insert(key.to_owned(), value)
    };
    event
}

#[test]
fn verdicts_and_categories_follow_what_the_scanner_says() {
    for (pointer, value, passed) in [
        ("/status_code", json!("PASS"), vec![true]),
        ("/status_code", json!("MANUAL"), vec![]),
        ("/status_id", json!(3), vec![true]),
        ("/status_id", json!(4), vec![true]),
        ("/status_code", Value::Null, vec![false]),
    ] {
        let found = ocsf(&with(pointer, value.clone())).unwrap();
        assert_eq!(found.iter().map(|f| f.passed).collect::<Vec<_>>(), passed, "{pointer} {value}");
    }
    let detected = |types: Value| {
        let mut event = with("/status_code", Value::Null);
        event["finding_info"]["types"] = types;
        ocsf(&event).unwrap()[0].category
    };
    assert_eq!(detected(json!([])), Category::Attack, "a detection without a verdict");
    assert_eq!(detected(json!(["Software and Configuration Checks/AWS Security Best Practices"])), Category::Baseline);
    assert_eq!(detected(json!(["Software and Configuration Checks/Vulnerabilities/CVE"])), Category::Vulnerability);
    assert_eq!(detected(json!(["TTPs/Initial Access"])), Category::Attack);
    for (rule, category) in [
        ("awslambda_function_no_secrets_in_code", Category::ExposedCredential),
        ("ec2_instance_secrets_user_data", Category::ExposedCredential),
        ("ecs_task_definitions_no_environment_secrets", Category::ExposedCredential),
        ("secretsmanager_automatic_rotation_enabled", Category::Baseline),
        ("repository_secret_scanning_enabled", Category::Baseline),
    ] {
        assert_eq!(ocsf(&with("/metadata/event_code", json!(rule))).unwrap()[0].category, category, "{rule}");
    }
}

#[test]
fn other_classes_are_read() {
    let vulnerability = json!({
        "class_uid": 2002, "severity_id": 5, "metadata": {"product": {"vendor_name": "Example"}},
        "finding_info": {"uid": "v1"}, "resources": [{"uid": "a"}, {"name": "b"}],
        "vulnerabilities": [{"title": "Overflow", "desc": "Long", "cve": {"uid": "CVE-2025-1"}, "references": ["https://example.com"],
            "remediation": {"desc": "Update"}}]
    });
    let found = ocsf(&vulnerability).unwrap();
    assert_eq!(found.iter().map(|f| f.resource.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(found[0].uid.starts_with("v1/") && found[0].uid != found[1].uid);
    let first = &found[0];
    assert_eq!(
        (first.rule.as_str(), first.title.as_str(), first.source.as_str()),
        ("CVE-2025-1", "Overflow", "Example")
    );
    assert_eq!((first.category, first.severity), (Category::Vulnerability, Severity::Critical));
    assert_eq!((first.remediation.as_str(), first.references.len()), ("Update", 1));

    let compliance = json!({
        "class_uid": 2003, "severity_id": 2, "metadata": {"product": {"name": "Hub"}}, "finding_info": {"uid": "c1", "title": "t"},
        "compliance": {"control": "CIS.1", "status": "Pass", "status_id": 1}, "resource": {"uid": "r"}
    });
    let found = ocsf(&compliance).unwrap();
    assert_eq!((found[0].category, found[0].passed, found[0].rule.as_str()), (Category::Baseline, true, "CIS.1"));

    let security = json!({
        "class_uid": 2001, "severity_id": 0, "metadata": {"product": {"name": "Old"}}, "finding": {"uid": "s1", "title": "t",
            "remediation": {"desc": "d", "kb_articles": ["k"]}}
    });
    let found = ocsf(&security).unwrap();
    assert_eq!((found[0].severity, found[0].references.as_slice()), (Severity::Medium, ["k".to_owned()].as_slice()));
}

#[test]
fn what_is_wrong_with_a_finding_is_said_with_line_and_field() {
    for (pointer, value, field, part) in [
        ("/finding_info/uid", Value::Null, "finding_info.uid", "must be set"),
        ("/finding_info/uid", json!("u".repeat(1025)), "finding_info.uid", "over 1024"),
        ("/finding_info", Value::Null, "finding_info", "must be set"),
        ("/class_uid", json!(2005), "class_uid", "2005 is no class"),
        ("/class_uid", Value::Null, "class_uid", "must be set"),
        ("/severity_id", json!(7), "severity_id", "7 is none"),
        ("/metadata/product", json!({}), "metadata.product.name", "must be set"),
        ("/metadata/product/name", json!("bailiwick"), "metadata.product.name", "not imported"),
        ("/resources", json!(vec![json!({}); 101]), "resources", "has 101"),
    ] {
        let problem = ocsf(&with(pointer, value)).unwrap_err();
        assert_eq!((problem.line, problem.field.as_str()), (10, field), "{problem}");
        assert!(problem.text.contains(part), "{problem}");
    }
    let text = serde_json::to_string_pretty(&with("/finding_info/uid", json!(5))).unwrap();
    let line = 10 + text.lines().position(|l| l.contains("\"uid\": 5")).unwrap() as u64;
    let problem = findings_at(&text, 10).unwrap_err();
    assert_eq!((problem.line, problem.field.as_str()), (line, "finding_info.uid"));
    assert_eq!(problem.text, "invalid type: integer `5`, expected a string");
    let problem = findings_at("{\"class_uid\": 2004,}", 3).unwrap_err();
    assert_eq!((problem.line, problem.text.as_str()), (3, "trailing comma"));
    assert!(findings_at("{} {}", 3).unwrap_err().text.contains("after the object"));
}

#[test]
fn texts_are_kept_within_bounds_and_without_what_no_database_takes() {
    let mut event = with("/finding_info/title", json!(format!("a\u{0}b\u{1b}\n{}", "x".repeat(600))));
    event["risk_details"] = json!("y".repeat(9_000));
    event["remediation"]["references"] = json!(vec!["r"; 30]);
    let finding = ocsf(&event).unwrap().remove(0);
    assert!(finding.title.starts_with("ab xxx"));
    assert!(finding.title.chars().count() <= 512 && finding.description.chars().count() == 8_192);
    assert_eq!(finding.references.len(), 20);
}

fn sarif(tool: &str, rules: Value, results: Value) -> Vec<Finding> {
    let file = json!({
        "version": "2.1.0", "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{"tool": {"driver": {"name": tool, "rules": rules}}, "results": results}]
    });
    Sarif::read(file.to_string().as_bytes()).unwrap().findings(0, usize::MAX)
}

fn result(more: Value) -> Value {
    let mut result = json!({
        "ruleId": "R1", "message": {"text": "found"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": 7}}}]
    });
    result.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    result
}

#[test]
fn results_are_read_with_their_rules() {
    let rules = json!([{
        "id": "CVE-2025-1", "name": "LanguageSpecificPackageVulnerability", "shortDescription": {"text": "Overflow"},
        "fullDescription": {"text": "A long story"}, "defaultConfiguration": {"level": "error"},
        "helpUri": "https://example.com/CVE-2025-1", "help": {"text": "Update", "markdown": "**Update**"},
        "properties": {"precision": "very-high", "security-severity": "9.8", "tags": ["vulnerability", "security", "CRITICAL"]}
    }]);
    let found =
        sarif("Trivy", rules, json!([result(json!({"ruleId": "CVE-2025-1", "ruleIndex": 0, "level": "error"}))]));
    let finding = &found[0];
    assert_eq!((finding.source.as_str(), finding.rule.as_str()), ("Trivy", "CVE-2025-1"));
    assert_eq!((finding.category, finding.severity), (Category::Vulnerability, Severity::Critical));
    assert_eq!((finding.title.as_str(), finding.detail.as_str()), ("Overflow", "line 7: found"));
    assert_eq!((finding.description.as_str(), finding.remediation.as_str()), ("A long story", "Update"));
    assert_eq!((finding.resource.as_str(), finding.resource_type.as_str()), ("src/a.py", "file"));
    assert_eq!(finding.references, ["https://example.com/CVE-2025-1"]);
}

#[test]
fn severities_and_categories_of_tools() {
    let severity = |more: Value| sarif("x", json!([]), json!([result(more)]))[0].severity;
    for (more, expected) in [
        (json!({"level": "error"}), Severity::High),
        (json!({"level": "warning"}), Severity::Medium),
        (json!({"level": "note"}), Severity::Low),
        (json!({"level": "none"}), Severity::Informational),
        (json!({}), Severity::Medium),
        (json!({"level": "note", "properties": {"security-severity": 7.1}}), Severity::High),
        (json!({"properties": {"security-severity": "0.0"}}), Severity::Informational),
    ] {
        assert_eq!(severity(more.clone()), expected, "{more}");
    }
    for (tool, rule, tags, expected) in [
        ("Trivy", "AVD-1", json!(["misconfiguration", "security"]), Category::Baseline),
        ("Trivy", "aws-access-key-id", json!(["secret", "security"]), Category::ExposedCredential),
        ("Trivy", "CVE-1", json!(["vulnerability"]), Category::Vulnerability),
        ("checkov", "CKV_AWS_1", json!([]), Category::Baseline),
        ("checkov", "CKV_SECRET_6", json!([]), Category::ExposedCredential),
        ("Grype", "CVE-2", json!([]), Category::Vulnerability),
        (
            "Semgrep OSS",
            "s1",
            json!(["CWE-798: Use of Hard-coded Credentials", "security"]),
            Category::ExposedCredential,
        ),
        ("Semgrep OSS", "s2", json!(["CWE-79: XSS", "security"]), Category::Vulnerability),
        ("Bandit", "B105", json!(["security", "external/cwe/cwe-259"]), Category::ExposedCredential),
        ("Bandit", "B602", json!(["security", "external/cwe/cwe-78"]), Category::Vulnerability),
        ("CodeQL", "q", json!(["external/cwe/cwe-7981"]), Category::Vulnerability),
        ("gitleaks", "g", json!([]), Category::ExposedCredential),
    ] {
        let rules = json!([{"id": rule, "properties": {"tags": tags}}]);
        let found = sarif(tool, rules, json!([result(json!({"ruleId": rule}))]));
        assert_eq!(found[0].category, expected, "{tool} {rule}");
    }
}

#[test]
fn results_are_told_apart_by_fingerprints_else_by_place() {
    let uid = |more: Value| sarif("x", json!([]), json!([result(more)]))[0].uid.clone();
    let moved = json!([{"physicalLocation": {"artifactLocation": {"uri": "src/b.py"}, "region": {"startLine": 9}}}]);
    let fingerprint = |value: &str| json!({"fingerprints": {"matchBasedId/v1": value}, "locations": moved});
    assert_eq!(uid(json!({"fingerprints": {"matchBasedId/v1": "abc"}})), uid(fingerprint("abc")), "it has moved");
    assert_ne!(uid(fingerprint("abc")), uid(fingerprint("abd")));
    let anonymous = json!({"fingerprints": {"matchBasedId/v1": "requires login"}});
    assert_ne!(uid(anonymous), uid(fingerprint("requires login")), "what is no fingerprint tells nothing");
    let partial = |hash: &str, line: i64| {
        let at =
            json!([{"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": line}}}]);
        uid(json!({"partialFingerprints": {"primaryLocationLineHash": hash}, "locations": at}))
    };
    assert_eq!(partial("h:1", 7), partial("h:1", 8), "lines were added above it");
    assert_ne!(partial("h:1", 7), partial("h:2", 7));
    assert_ne!(uid(json!({})), uid(json!({"message": {"text": "other"}})));
    assert_eq!(uid(json!({})).len(), 32);
}

#[test]
fn what_is_no_failure_counts_as_passed() {
    for (more, passed) in [
        (json!({"kind": "pass"}), true),
        (json!({"kind": "notApplicable"}), true),
        (json!({"kind": "fail"}), false),
        (json!({"suppressions": [{"kind": "inSource"}]}), true),
        (json!({"suppressions": [{"kind": "external", "status": "rejected"}]}), false),
        (json!({"suppressions": []}), false),
        (json!({"baselineState": "absent"}), true),
    ] {
        assert_eq!(sarif("x", json!([]), json!([result(more.clone())]))[0].passed, passed, "{more}");
    }
}

#[test]
fn rules_of_extensions_and_listed_artifacts_are_found() {
    let file = json!({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "CodeQL"}, "extensions": [{"name": "pack", "rules": [
            {"id": "other"}, {"id": "js/x", "name": "X", "messageStrings": {"m": {"text": "of the rule"}}}]}]},
        "artifacts": [{"location": {"uri": "lib/z.js"}}],
        "results": [{"rule": {"id": "js/x", "index": 1, "toolComponent": {"index": 0}}, "message": {"id": "m"},
            "locations": [{"physicalLocation": {"artifactLocation": {"index": 0}}}]}]
    }]});
    let read = Sarif::read(format!("\u{feff}{file}").as_bytes()).unwrap();
    let finding = read.findings(0, 1).remove(0);
    assert_eq!((finding.rule.as_str(), finding.title.as_str()), ("js/x", "X"));
    assert_eq!((finding.detail.as_str(), finding.resource.as_str()), ("of the rule", "lib/z.js"));
    assert_eq!(read.findings(1, 1), []);
    assert_eq!(read.sources().collect::<Vec<_>>(), ["CodeQL"]);
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_line_and_path() {
    let run = "{\"version\": \"2.1.0\", \"runs\": [{\"tool\": {\"driver\": {\"name\": \"x\"}},\n\"results\": [";
    for (file, line, field, part) in [
        ("", 1, "", "EOF"),
        ("{\"version\": \"2.0.0\", \"runs\": []}", 1, "version", "2.0.0 is not read"),
        ("{\"runs\": []}", 1, "version", "must be set"),
        (
            r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Bailiwick"}}}]}"#,
            0,
            "runs[0].tool.driver.name",
            "not imported",
        ),
        ("{\"version\": \"2.1.0\"}", 1, "runs", "must be set"),
        (
            &format!("{run}\n{{\"message\": {{\"text\": 5}}}}]}}]}}"),
            3,
            "runs[0].results[0].message.text",
            "invalid type",
        ),
        (&format!("{run}{{}},\n{{\"locations\":"), 3, "runs[0].results[1]", "EOF"),
        (&format!("{run}]}}]}}\n]"), 3, "", "after the end"),
    ] {
        let problem = Sarif::read(file.as_bytes()).unwrap_err();
        assert_eq!((problem.line, problem.field.as_str()), (line, field), "{file}: {problem}");
        assert!(problem.text.contains(part), "{file}: {problem}");
    }
}

#[test]
fn what_is_said_of_a_mistake_is_bounded_and_harmless() {
    let key = format!("k\u{1b}[2J\u{0}{}", "x".repeat(100_000));
    let files = [
        json!({"version": format!("\u{0}\u{1b}]0;t\u{7}\n{}", "9".repeat(1 << 20)), "runs": []}),
        json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [{"level": {&key: 1}}]}]}),
        json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x", "rules": [
            {"id": "r", "messageStrings": {&key: 5}}]}}, "results": []}]}),
    ];
    let mut problems: Vec<_> = files.iter().map(|file| Sarif::read(file.to_string().as_bytes()).unwrap_err()).collect();
    problems.push(ocsf(&with("/class_uid", json!(key))).unwrap_err());
    for problem in problems {
        for said in [&problem.field, &problem.text] {
            assert!(said.chars().count() <= 512 && !said.contains(char::is_control), "{problem}");
        }
    }
}

#[test]
fn a_finding_on_a_resource_is_the_same_whatever_other_resources_it_is_on() {
    let uids = |uid: &str, resources: &[&str]| {
        let mut event = with("/finding_info/uid", json!(uid));
        event["resources"] = resources.iter().map(|uid| json!({"uid": uid})).collect();
        ocsf(&event).unwrap().into_iter().map(|finding| finding.uid).collect::<Vec<_>>()
    };
    let (both, one) = (uids("check", &["acs:a", "acs:b"]), uids("check", &["acs:b"]));
    assert_eq!(both[1..], one, "a was repaired");
    assert_ne!(both[0], both[1]);
    assert_eq!(uids("check", &[]), ["check"]);
    let long = "r".repeat(2_000);
    let cut = uids("check", &[&format!("{long}1"), &format!("{long}2")]);
    assert_ne!(cut[0], cut[1], "the whole id counts, not what is kept of it");

    // An id that names the resource stands as it is.
    for (uid, resource) in [("prowler-check-1000-eu-i-1", "acs:ecs:eu:1000:instance/i-1"), ("u:acs:a", "acs:a")] {
        assert_eq!(uids(uid, &[resource]), [uid]);
        let several = uids(uid, &["other", resource]);
        assert!(several[0] != uid && several[1] == uid, "{several:?}");
    }
    let ambiguous = uids("check-web", &["eu/web", "us/web"]);
    assert!(ambiguous[0] != ambiguous[1] && !ambiguous.contains(&"check-web".to_owned()), "{ambiguous:?}");
    assert_ne!(uids("check-i-12", &["i-2"]), ["check-i-12"], "a part of a word is no name");
}

#[test]
fn results_are_taken_from_anywhere_in_their_order() {
    let run = |n: usize| {
        json!({"tool": {"driver": {"name": "x"}}, "results": (0..n)
        .map(|_| result(json!({"message": {"text": "m"}}))).collect::<Vec<_>>()})
    };
    let file = json!({"version": "2.1.0", "runs": [run(2), run(0), run(3), {"tool": {"driver": {"name": "y"}}}]});
    let read = Sarif::read(file.to_string().as_bytes()).unwrap();
    let all = read.findings(0, usize::MAX);
    assert_eq!(all.len(), read.len());
    for skip in 0..=6 {
        for limit in 0..=6 {
            let expected: Vec<_> = all.iter().skip(skip).take(limit).cloned().collect();
            assert_eq!(read.findings(skip, limit), expected, "{skip} {limit}");
        }
    }
}

#[test]
fn rules_are_found_by_id_in_their_component_then_in_the_extensions() {
    let rule = |id: &str, name: &str| json!({"id": id, "name": name});
    let title = |result: Value| {
        let file = json!({"version": "2.1.0", "runs": [{
            "tool": {"driver": {"name": "d", "rules": [rule("a", "driver a"), rule("a", "second a")]}, "extensions": [
                {"name": "e0", "rules": [rule("a", "e0 a"), rule("b", "e0 b")]},
                {"name": "e1", "rules": [rule("b", "e1 b"), rule("c", "e1 c")]}]},
            "results": [result]}]});
        Sarif::read(file.to_string().as_bytes()).unwrap().findings(0, 1).remove(0).title
    };
    for (result, expected) in [
        (json!({"ruleId": "a"}), "driver a"),
        (json!({"ruleId": "a", "ruleIndex": 1}), "second a"),
        (json!({"ruleId": "a", "ruleIndex": 7}), "driver a"),
        (json!({"ruleId": "a", "ruleIndex": -1}), "driver a"),
        (json!({"ruleId": "b"}), "e0 b"),
        (json!({"ruleId": "c"}), "e1 c"),
        (json!({"rule": {"id": "b", "toolComponent": {"name": "e1"}}}), "e1 b"),
        (json!({"rule": {"id": "b", "toolComponent": {"index": 1}}}), "e1 b"),
        (json!({"rule": {"id": "a", "toolComponent": {"name": "d"}}}), "driver a"),
        (json!({"rule": {"id": "c", "toolComponent": {"index": 9}}}), "c"),
        (json!({"ruleId": "z"}), "z"),
    ] {
        assert_eq!(title(result.clone()), expected, "{result}");
    }
}

#[test]
fn a_file_with_more_than_is_read_is_refused_by_its_field() {
    let file = |rules: usize, results: usize, runs: usize| {
        let list = |of: &str, n: usize| vec![of; n].join(",");
        let run = format!(
            r#"{{"tool": {{"driver": {{"name": "x", "rules": [{}]}}}}, "results": [{}]}}"#,
            list(r#"{"id":"r"}"#, rules),
            list("{}", results)
        );
        format!(r#"{{"version": "2.1.0", "runs": [{}]}}"#, list(&run, runs))
    };
    for (file, field) in [
        (file(0, RESULTS_MAX + 1, 1), "runs[0].results"),
        (file(0, RESULTS_MAX / 2 + 1, 2), "runs[1].results"),
        (file(RULES_MAX + 1, 0, 1), "runs[0].tool"),
        (file(0, 0, 101), "runs"),
    ] {
        let problem = Sarif::read(file.as_bytes()).unwrap_err();
        assert!(
            problem.field.starts_with(field) && ["over 100", "at most"].iter().any(|part| problem.text.contains(part)),
            "{problem}"
        );
    }
    // Each result looks its rule up by an id that the last of many has.
    let rules: Vec<_> = (0..20_000).map(|n| json!({"id": format!("r{n}")})).collect();
    let results: Vec<_> = (0..20_000).map(|_| json!({"ruleId": "r19999"})).collect();
    let found = sarif("x", json!(rules), json!(results));
    assert!(found.iter().all(|finding| finding.rule == "r19999"));
}

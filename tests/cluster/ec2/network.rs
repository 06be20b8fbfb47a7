//! What `drift` and `catalog` make of what AWS answers, and of what it does not answer.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use karp_cluster::ControlPlane;
use karp_cluster::kubectl::Output;
use serde_json::{Value, json};

use crate::account::{self, SAME, drift, drift_at};

/// Checks the exit code and that every part was printed.
#[track_caller]
fn says(output: &Output, code: i32, parts: &[&str]) -> Result<()> {
    ensure!(output.code == Some(code), "not exit {code}: {output}");
    // Lines are wrapped to the width of the terminal.
    let text = format!("{} {}", output.text(), output.stderr);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        ensure!(text.contains(part), "does not say {part:?}: {output}");
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Image, security group and subnet by id and name, each on the NodeClaim that differs, and on no other.
pub(crate) fn drift_asks_ec2_and_ssm(plane: &ControlPlane) -> Result<()> {
    account::with(plane, |account, kubectl| {
        let made = &account.made;
        let printed = drift(account, kubectl, &["--no-headers"])?;
        let (group, other_group) = (text(&made["securityGroup"]), text(&made["otherSecurityGroup"]));
        let (subnet, other_subnet) = (text(&made["subnet"]), text(&made["otherSubnet"]));
        says(
            &printed,
            1,
            &[
                &format!("3 of {} NodeClaims are drifted", SAME + 3),
                &format!("has {} al2023 x86_64 v20260901 1.36", text(&made["otherImage"])),
                &format!("wants {} al2023 x86_64 v20261101 1.36", text(&made["image"])),
                "SSM /aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/recommended/image_id",
                &format!("status.securityGroups: has {other_group} (legacy), wants {group} (default)"),
                &format!("status.subnets: has {other_subnet} (retired-a), wants one of "),
                &format!("{subnet} (private-a)"),
            ],
        )?;
        for service in ["EC2", "SSM"] {
            ensure!(!printed.text().contains(&format!("not read: {service}")), "{printed}");
        }
        let json: Value = serde_json::from_slice(&drift(account, kubectl, &["-o", "json"])?.stdout)?;
        let reasons: BTreeMap<&str, &str> = json["nodeClaims"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|claim| Some((claim["name"].as_str()?, claim["reasons"][0]["reason"].as_str()?)))
            .collect();
        let expected = [
            ("group-differs", "SecurityGroupDrift"),
            ("image-differs", "AMIDrift"),
            ("subnet-differs", "SubnetDrift"),
        ];
        ensure!(reasons == BTreeMap::from(expected), "{reasons:?}");
        ensure!(
            json["aws"]["account"] == "123456789012" && json["aws"]["region"] == "us-west-2",
            "{}",
            json["aws"]
        );
        Ok(())
    })
}

/// Parameters of another version: found for one, missing for the next, and an alias that moved is told.
pub(crate) fn a_newer_control_plane_is_previewed(plane: &ControlPlane) -> Result<()> {
    account::with(plane, |account, kubectl| {
        let found = drift(account, kubectl, &["--ami-preview", "1.37"])?;
        says(&found, 1, &[&format!("{} NodeClaims would drift, 0 would have no image", SAME + 3)])?;
        let missing = drift(account, kubectl, &["--ami-preview", "1.38"])?;
        let none = format!("standard amd64 no such parameter, {} NodeClaims", SAME + 3);
        says(&missing, 1, &[&format!("0 NodeClaims would drift, {} would have no image", SAME + 3), &none])?;

        let name =
            "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/recommended/image_id";
        let image = &account.made["image"];
        account.api.control("ssm", &json!({"us-west-2": {name: "ami-00000000000000001"}}))?;
        let moved = drift(account, kubectl, &[]);
        account.api.control("ssm", &json!({"us-west-2": {name: image}}))?;
        let told =
            format!("SSM holds ami-00000000000000001 (al2023 x86_64 v20260901) now, not {}", text(image));
        says(&moved?, 1, &["moved: ec2nodeclass/default, alias al2023@latest, standard amd64:", &told])
    })
}

/// The same answer from one page and from many.
pub(crate) fn lists_come_in_pages(plane: &ControlPlane) -> Result<()> {
    account::with(plane, |account, kubectl| {
        let whole = kubectl.run(&["karp", "catalog", "refresh", "-o", "json"])?.success()?;
        let drifted = drift(account, kubectl, &[])?.text();
        account.api.control("page", &json!({"size": 800}))?;
        let before = account.api.control("calls", &json!({}))?;
        let paged = kubectl.run(&["karp", "catalog", "refresh", "-o", "json"])?.success()?;
        let after = account.api.control("calls", &json!({}))?;
        ensure!(paged == whole, "{paged}\nis not\n{whole}");
        for action in ["DescribeInstanceTypes", "DescribeInstanceTypeOfferings", "DescribeSpotPriceHistory"] {
            let calls = |counts: &Value| counts[action].as_u64().unwrap_or(0);
            ensure!(calls(&after) > calls(&before) + 1, "{action}: {before} {after}");
        }
        let refreshed: Value = serde_json::from_str(&paged)?;
        ensure!(refreshed["types"].as_u64() > Some(1300), "{refreshed}");
        account.api.control("page", &json!({"size": 2}))?;
        let small = drift(account, kubectl, &[])?.text();
        ensure!(small == drifted, "{small}\nis not\n{drifted}");
        Ok(())
    })
}

/// Once refused is once waited more; refused for good is said, and the rest is told.
pub(crate) fn throttled_calls_are_made_again(plane: &ControlPlane) -> Result<()> {
    account::with(plane, |account, kubectl| {
        let limit = |action: &str, code: &str, times: u64| {
            let refusal = json!({"Action": [action], "code": code, "status": 503, "times": times});
            account.api.control("fail", &refusal)
        };
        let plain = drift(account, kubectl, &[])?.text();
        limit("DescribeInstances", "RequestLimitExceeded", 1)?;
        let again = drift(account, kubectl, &[])?.text();
        ensure!(again == plain, "{again}\nis not\n{plain}");
        limit("DescribeInstances", "RequestLimitExceeded", 100)?;
        let refused = drift(account, kubectl, &[])?;
        says(
            &refused,
            1,
            &[
                "1 of 15 NodeClaims are drifted, as far as the cluster tells",
                "not read: EC2 (limited by AWS: ec2:DescribeInstances): SecurityGroupDrift",
                "hint: try again in a minute",
            ],
        )
    })
}

/// The IAM action is named, and what it costs.
pub(crate) fn refused_calls_name_the_action(plane: &ControlPlane) -> Result<()> {
    account::with(plane, |account, kubectl| {
        for (action, code, parts) in [
            (
                "DescribeInstances",
                "UnauthorizedOperation",
                "not read: EC2 (not allowed: ec2:DescribeInstances): SecurityGroupDrift, SubnetDrift",
            ),
            (
                "DescribeImages",
                "UnauthorizedOperation",
                "not read: EC2 (not allowed: ec2:DescribeImages): AMI name and age",
            ),
            (
                "DescribeSubnets",
                "UnauthorizedOperation",
                "not read: EC2 (not allowed: ec2:DescribeSubnets): names of subnets",
            ),
            (
                "GetParameters",
                "AccessDeniedException",
                "not read: SSM (not allowed: ssm:GetParameters): images that aliases",
            ),
        ] {
            account
                .api
                .control("fail", &json!({"Action": [action], "code": code, "status": 403, "times": 100}))?;
            let output = drift(account, kubectl, &[])?;
            says(&output, 1, &[parts, "hint: allow "])?;
            account.api.control("fail", &json!({}))?;
        }
        let refusal =
            json!({"Action": ["DescribeInstanceTypes"], "code": "UnauthorizedOperation", "status": 403});
        account.api.control("fail", &refusal)?;
        let refresh = kubectl.run(&["karp", "catalog", "refresh"])?;
        says(
            &refresh,
            3,
            &[
                "error: AWS does not allow ec2:DescribeInstanceTypes to these credentials",
                "hint: allow ec2:DescribeInstanceTypes (all that kubectl karp reads: kubectl karp catalog iam-policy)",
            ],
        )
    })
}

/// Expired, unknown, none, and a single sign-on session that is over: what to do is said, and the cluster's own part
/// is told.
pub(crate) fn credentials_that_are_not_taken(plane: &ControlPlane) -> Result<()> {
    account::with(plane, |account, kubectl| {
        let actions = ["GetCallerIdentity", "DescribeInstances", "DescribeInstanceTypes"];
        for (code, why, hint) in [
            ("ExpiredToken", "AWS credentials expired", "hint: log in: aws sso login"),
            ("InvalidClientTokenId", "AWS credentials not accepted", "hint: aws sts get-caller-identity"),
        ] {
            account
                .api
                .control("fail", &json!({"Action": actions, "code": code, "status": 403, "times": 100}))?;
            let before = account.api.control("calls", &json!({}))?;
            let output = drift(account, kubectl, &[])?;
            let after = account.api.control("calls", &json!({}))?;
            says(&output, 1, &["as far as the cluster tells", &format!("not read: EC2, SSM ({why})"), hint])?;
            ensure!(before["DescribeInstances"] == after["DescribeInstances"], "asked after all: {after}");
            let refresh = kubectl.run(&["karp", "catalog", "refresh"])?;
            says(&refresh, 3, &[hint, "hint: until then the embedded list of 2026-"])?;
            account.api.control("fail", &json!({}))?;
        }
        let bare = |more: &[(&str, &str)]| {
            let mut environment = account.api.environment();
            environment.insert("AWS_ACCESS_KEY_ID".to_owned(), String::new());
            environment.insert("AWS_SECRET_ACCESS_KEY".to_owned(), String::new());
            environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            kubectl.with_environment(&environment)
        };
        let output = drift(account, &bare(&[]), &[])?;
        says(&output, 1, &["not read: EC2, SSM (no AWS credentials", "hint: log in: aws sso login"])?;

        let aws = kubectl.home().join(".aws");
        fs::create_dir_all(aws.join("sso/cache"))?;
        fs::write(
            aws.join("config"),
            "[profile shop]\nsso_session = work\nsso_account_id = 123456789012\nsso_role_name = viewer\n\
             region = us-west-2\n[sso-session work]\nsso_start_url = https://work.example.com\nsso_region = us-west-2\n",
        )?;
        let output = drift(account, &bare(&[]), &["--profile", "shop"])?;
        let expected =
            ["not read: EC2, SSM (AWS single sign-on session is over)", "aws sso login --profile shop"];
        let checked = says(&output, 1, &expected);
        fs::remove_dir_all(aws).context("cannot remove .aws")?;
        checked
    })
}

/// A network that does not let us through.
pub(crate) fn nobody_answers(plane: &ControlPlane) -> Result<()> {
    account::with(plane, |account, kubectl| {
        let nowhere = "http://127.0.0.1:9";
        let mut environment = account.api.environment();
        environment.insert("AWS_ENDPOINT_URL".to_owned(), nowhere.to_owned());
        let kubectl = kubectl.with_environment(&environment);
        let output = drift_at(account, &kubectl, nowhere, &[])?;
        says(&output, 1, &["not read: EC2, SSM (AWS cannot be reached)", "as far as the cluster tells"])?;
        let refresh = kubectl.run(&["karp", "catalog", "refresh"])?;
        says(&refresh, 3, &["error: AWS cannot be reached", "hint: until then the embedded list of 2026-"])
    })
}

/// Right credentials of the wrong account, or the wrong region: nothing is there, and that is no drift.
pub(crate) fn another_account_is_noticed(plane: &ControlPlane) -> Result<()> {
    account::with(plane, |account, kubectl| {
        let output = drift(account, kubectl, &["--region", "eu-west-1"])?;
        let none = format!(
            "not read: instances (none of the {} is in account 123456789012, region eu-west-1)",
            SAME + 3
        );
        says(&output, 1, &[&none, "hint: name the account's profile: --profile NAME"])
    })
}

//! What people are told when a cluster cannot be read, and how plugins are run. The server itself is tested against
//! real ones, in `tests/cluster`.

use kube::config::{AuthInfo, ExecConfig};
use serde_json::json;

use super::connection::Target;
use super::exec::Plugin;
use super::failure::{Failure, Status, cannot_reach, chain, not_logged_in};

fn target(context: &str) -> Target {
    Target {
        context: Some(context.to_owned()),
        is_context_named: true,
        kubeconfig: None,
        url: "https://3F2A.gr7.us-east-1.eks.amazonaws.com".to_owned(),
        plugin: None,
    }
}

fn plugin(command: &str, arguments: &[&str]) -> Plugin {
    let exec: ExecConfig = serde_json::from_value(json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": command, "args": arguments,
        "env": [{"name": "AWS_PROFILE", "value": "prod"}], "interactiveMode": "Never",
    }))
    .unwrap();
    Plugin::of(&exec)
}

#[test]
fn unreachable() {
    let failure = Failure::Timeout(std::time::Duration::from_secs(10));
    insta::assert_snapshot!(failure.error(&target("prod"), "pods"), @r"
    error: cannot reach the API server (context prod)
    cause: https://3F2A.gr7.us-east-1.eks.amazonaws.com: no answer within 10s
    hint: kubectl --context prod cluster-info
    ");
    let unnamed = Target { is_context_named: false, ..target("prod") };
    assert_eq!(cannot_reach(&unnamed, "x").hints, ["kubectl cluster-info"]);
}

#[test]
fn not_allowed() {
    let message = r#"pods is forbidden: User "ci-bot" cannot list resource "pods" in API group "" at the cluster scope"#;
    let status = Status { code: 403, message: message.to_owned(), ..Status::default() };
    assert_eq!(status.forbidden(), "forbidden for user ci-bot");
    insta::assert_snapshot!(Failure::Status(status).error(&target("prod"), "pods"), @r"
    error: not allowed to read pods (context prod)
    cause: forbidden for user ci-bot
    hint: what to grant: docs/rbac-reader.yaml
    ");
}

#[test]
fn logged_out() {
    let target =
        Target { plugin: Some(plugin("/usr/local/bin/aws", &["eks", "get-token"])), ..target("prod") };
    insta::assert_snapshot!(not_logged_in(&target, "exec plugin aws: the SSO login expired"), @r"
    error: not logged in to the API server (context prod)
    cause: exec plugin aws: the SSO login expired
    hint: aws sso login --profile prod
    ");
    let status = Status { code: 401, message: "Unauthorized".to_owned(), ..Status::default() };
    let plain = Target { plugin: None, ..target };
    insta::assert_snapshot!(Failure::Status(status).error(&plain, "pods"), @r"
    error: not logged in to the API server (context prod)
    cause: Unauthorized
    hint: kubectl --context prod auth whoami
    ");
}

#[test]
fn profiles_are_found() {
    for (arguments, profile) in [
        (&["--profile", "dev"][..], Some("dev")),
        (&["--profile=dev"][..], Some("dev")),
        (&["eks"][..], Some("prod")),
    ] {
        assert_eq!(plugin("aws", arguments).profile(), profile);
    }
}

#[test]
fn chains_do_not_repeat_themselves() {
    #[derive(Debug, thiserror::Error)]
    #[error("ServiceError: tcp connect error")]
    struct Outer(#[source] std::io::Error);
    let error = Outer(std::io::Error::other("Connection refused"));
    assert_eq!(chain(&error), "tcp connect error: Connection refused");
}

#[cfg(unix)]
fn run(script: &str) -> Result<AuthInfo, String> {
    let plugin = plugin("/bin/sh", &["-c", script]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(plugin.run()).map(|credential| {
        let mut auth = AuthInfo::default();
        credential.apply(&mut auth);
        auth
    })
}

#[cfg(unix)]
#[test]
fn plugins_yield_credentials_or_say_why_not() {
    let auth = run(r#"test -n "$KUBERNETES_EXEC_INFO" && test "$AWS_PROFILE" = prod && echo '{"kind":"ExecCredential","status":{"token":"abc"}}'"#).unwrap();
    assert!(auth.token.is_some() && auth.client_certificate_data.is_none());
    let auth = run(
        "printf 'kind: ExecCredential\\nstatus:\\n  clientCertificateData: CERT\\n  clientKeyData: KEY\\n'",
    )
    .unwrap();
    assert_eq!(auth.client_certificate_data.as_deref(), Some("Q0VSVA=="));
    assert_eq!(
        run("echo first >&2; echo the SSO login expired >&2; exit 255").unwrap_err(),
        "exec plugin sh: the SSO login expired"
    );
    assert_eq!(run("echo {}").unwrap_err(), "exec plugin sh: its answer is no ExecCredential with a status");
    let missing = plugin("/nowhere/aws-iam-authenticator", &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(
        runtime.block_on(missing.run()).unwrap_err(),
        "exec plugin aws-iam-authenticator is not installed"
    );
}

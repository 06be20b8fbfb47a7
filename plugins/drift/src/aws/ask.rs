//! The calls, and what became of those that were refused.

use karp_aws::{AwsError, Connection, ConnectionOptions, FactsRead, read_facts};
use karp_common::term::Out;
use karp_core::model::{AwsQuestions, Snapshot};
use karp_core::provider::select_provider;

use super::{costs, nothing};
use crate::cli::Cli;
use crate::drift::{AwsAnswer, DriftOptions};
use crate::questions::questions;
use crate::report::NotRead;

/// Asks EC2 and SSM about the NodeClaims and EC2NodeClasses of a snapshot.
pub(super) fn ask(cli: &Cli, snapshot: &Snapshot, options: &DriftOptions, out: &mut Out<'_>) -> AwsAnswer {
    let questions = questions(snapshot, options);
    let connection = ConnectionOptions {
        profile: cli.profile.clone(),
        // Where the cluster runs, rather than where the user works otherwise.
        region: cli
            .catalog
            .region
            .clone()
            .or_else(|| select_provider(snapshot).region.map(|found| found.region.to_string())),
        endpoint_url: cli.endpoint_url.clone(),
    };
    let profile = cli.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok());
    let now = out.now();
    out.progress(&format!("asking EC2 about {} instances", questions.instances.len()));
    let read = karp_aws::block_on(async {
        let connection = Connection::open(&connection).await?;
        Ok::<_, AwsError>(read_facts(&connection, &questions, now).await)
    });
    out.progress_done();
    match read.and_then(|read| read) {
        Ok(read) => answer(read, &questions, profile.as_deref()),
        Err(error) => {
            let hints = error.report(profile.as_deref()).hints;
            AwsAnswer { facts: None, not_read: vec![nothing(&error.to_string(), hints)] }
        }
    }
}

/// Facts with what they lack. Credentials that are not taken, or nobody who answers, are one line, not six.
fn answer(read: FactsRead, questions: &AwsQuestions, profile: Option<&str>) -> AwsAnswer {
    let FactsRead { facts, refused } = read;
    let is_empty = facts.instances.is_empty() && facts.images.is_empty() && facts.parameters.is_empty();
    if let Some((_, first)) = refused.first().filter(|_| is_empty)
        && refused.iter().all(|(_, error)| error.to_string() == first.to_string())
    {
        let not_read = vec![nothing(&first.to_string(), first.report(profile).hints)];
        return AwsAnswer { facts: None, not_read };
    }
    let mut not_read: Vec<NotRead> = Vec::new();
    for (action, error) in &refused {
        let why = error.to_string();
        let service = if action.starts_with("ssm:") { "SSM" } else { "EC2" };
        let missing = costs(action).iter().map(|cost| (*cost).to_owned());
        if let Some(known) = not_read.iter_mut().find(|known| known.why == why) {
            known.missing.extend(missing);
            if !known.what.contains(service) {
                known.what = format!("{}, {service}", known.what);
            }
            continue;
        }
        let hints = error.report(profile).hints;
        not_read.push(NotRead { what: service.to_owned(), why, missing: missing.collect(), hints });
    }
    // No error at all, and still nothing known: most likely another account or region.
    let asked = questions.instances.len();
    if asked > 0 && facts.instances.is_empty() && facts.gap("ec2:DescribeInstances").is_none() {
        let account = facts.account.as_deref().unwrap_or("<unknown>");
        let region = facts.region.as_deref().unwrap_or("<unknown>");
        not_read.push(NotRead {
            what: "instances".into(),
            why: format!("none of the {asked} is in account {account}, region {region}"),
            missing: costs("ec2:DescribeInstances").iter().map(|cost| (*cost).to_owned()).collect(),
            hints: vec!["name the account's profile: --profile NAME".to_owned()],
        });
    }
    AwsAnswer { facts: (!is_empty).then_some(facts), not_read }
}

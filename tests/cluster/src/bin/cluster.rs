//! Keeps a test cluster running for a person: `cargo run -p karp-cluster --bin cluster -- up`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "stdout carries the lines for the user's shell"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use karp_cluster::servers::KarpenterServer;
use karp_cluster::{
    ControlPlane, ControlPlaneOptions, Karpenter, KarpenterAws, KarpenterAwsOptions, KarpenterOptions,
    Servers, bulk, karpenter,
};

/// Runs a Kubernetes control plane with KWOK nodes on loopback, with or without Karpenter
#[derive(Parser)]
#[command(name = "cluster")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a cluster and keep it until Ctrl-C
    Up(Up),
    /// Build every server into the cache and stop
    Build,
}

#[derive(Args)]
struct Up {
    /// Install Karpenter's CRDs without running Karpenter
    #[arg(long)]
    crds: bool,
    /// Run Karpenter with its KWOK provider
    #[arg(long, conflicts_with = "aws")]
    karpenter: bool,
    /// Run Karpenter with the real AWS provider and an EC2 double
    #[arg(long)]
    aws: bool,
    /// Instance types for --karpenter, in the KWOK provider's format; `aws` takes its EC2-like list
    #[arg(long, value_name = "FILE")]
    instance_types: Option<PathBuf>,
    /// On-demand prices for --aws (see tests/cluster/aws/fixture.py)
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Set an environment variable of Karpenter
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Create this many KWOK nodes
    #[arg(long, default_value_t = 0)]
    nodes: usize,
    /// Create this many pods on those nodes
    #[arg(long, default_value_t = 0, requires = "nodes")]
    pods: usize,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Up(options) => up(&options),
        Command::Build => build(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<()> {
    let servers = Servers::build_or_reuse()?;
    println!("{}", servers.kube_apiserver.display());
    println!("{}", servers.kwok.display());
    println!("{}", KarpenterServer::kwok()?.controller.display());
    println!("{}", KarpenterServer::aws()?.controller.display());
    Ok(())
}

fn up(options: &Up) -> Result<()> {
    let start = Instant::now();
    let large = options.nodes > 500 || options.pods > 5_000;
    let plane = ControlPlane::start(&if large {
        ControlPlaneOptions::large()
    } else {
        ControlPlaneOptions::default()
    })?;
    let environment: Vec<(&str, &str)> = options.env.iter().filter_map(|pair| pair.split_once('=')).collect();
    if options.crds {
        karpenter::install_crds(&plane, &KarpenterServer::kwok()?.crds)?;
    }
    let _karpenter =
        if options.karpenter { Some(start_karpenter(&plane, options, &environment)?) } else { None };
    let aws = if options.aws { Some(start_aws(&plane, options, &environment)?) } else { None };
    fill(&plane, options)?;

    println!("# ready after {:.1} s; logs in {}", start.elapsed().as_secs_f64(), plane.folder().display());
    println!("export KUBECONFIG={}", plane.kubeconfig().display());
    if let Some(folder) = plane.servers().kubectl.parent() {
        println!("export PATH={}:{}:$PATH", plane.kubectl().plugins().display(), folder.display());
    }
    if let Some(aws) = &aws {
        for (name, value) in aws.api.environment() {
            println!("export {name}={value}");
        }
        println!("# EC2NodeClass: {}", aws.node_class("default"));
    }
    println!("# Ctrl-C ends it");
    plane.run(tokio::signal::ctrl_c())?;
    Ok(())
}

fn start_karpenter(plane: &ControlPlane, options: &Up, environment: &[(&str, &str)]) -> Result<Karpenter> {
    let instance_types = match &options.instance_types {
        Some(file) if file.as_os_str() == "aws" => KarpenterServer::kwok()?.aws_instance_types,
        other => other.clone(),
    };
    let settings = KarpenterOptions { instance_types, ..KarpenterOptions::default() };
    let settings = environment.iter().fold(settings, |settings, (name, value)| settings.with(name, value));
    Karpenter::start(plane, &settings)
}

fn start_aws(plane: &ControlPlane, options: &Up, environment: &[(&str, &str)]) -> Result<KarpenterAws> {
    let settings = KarpenterAwsOptions {
        prices: options.prices.clone(),
        environment: environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..KarpenterAwsOptions::default()
    };
    KarpenterAws::start(plane, &settings)
}

fn fill(plane: &ControlPlane, options: &Up) -> Result<()> {
    let client = plane.client();
    let name = |number: usize| format!("node-{number:05}");
    if options.nodes > 0 {
        let start = Instant::now();
        plane
            .run(bulk::create(&client, (0..options.nodes).map(|number| bulk::node(&name(number), number))))?;
        println!("# {} nodes in {:.1} s", options.nodes, start.elapsed().as_secs_f64());
    }
    if options.pods > 0 {
        let start = Instant::now();
        let pods = (0..options.pods).map(|number| {
            let node = name(number % options.nodes);
            bulk::pod("default", &format!("pod-{number:06}"), "100m", "128Mi", Some(&node))
        });
        plane.run(bulk::create(&client, pods))?;
        println!("# {} pods in {:.1} s", options.pods, start.elapsed().as_secs_f64());
    }
    Ok(())
}

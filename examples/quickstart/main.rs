//! The main job in one process: an image is published to a directory, served, and pulled back through the redirects.
//!
//! ```sh
//! cargo run --example quickstart                    # with an image that it makes
//! cargo run --example quickstart -- app.tar         # with yours, of `docker save`
//! cargo run --example quickstart -- --check         # ends after the check
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to people")]

mod hello;
mod pull;

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Parser;
use endpoint::server;
use endpoint::settings::{Arguments, load};
use publisher::cli::Cli;
use publisher::command;
use publisher::report::Report;

/// Publish an image to a directory, serve it, pull it back, and keep serving.
#[derive(Debug, Parser)]
struct Args {
    /// An archive of `docker save` or an OCI layout; without it, a small image is made
    image: Option<PathBuf>,
    /// End after the check
    #[arg(long)]
    check: bool,
    /// Where to serve
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000")]
    listen: SocketAddr,
    /// Where the objects go
    #[arg(long, value_name = "DIRECTORY", default_value = "target/quickstart/bucket")]
    bucket: PathBuf,
    /// Under which name
    #[arg(long, value_name = "REFERENCE", default_value = "acme/hello:latest")]
    name: String,
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run(Args::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("caused by: {error}");
                cause = error.source();
            }
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Outcome<()> {
    let image = match &args.image {
        Some(image) => {
            println!("took       {}", image.display());
            image.clone()
        }
        None => {
            let layout = args.bucket.with_file_name("hello");
            hello::write(&layout)?;
            println!(
                "made       a small image for amd64 and arm64, as an OCI layout in {}",
                layout.display()
            );
            layout
        }
    };
    publish(&image, &args).await?;

    let settings = load(Arguments::read(
        ["registry-endpoint".as_ref(), "--listen".as_ref(), args.listen.to_string().as_ref()]
            .into_iter()
            .chain(["--directory".as_ref(), args.bucket.as_os_str()])
            .map(std::ffi::OsString::from),
    )?)?;
    let listener = server::listen(&settings).await?;
    let address = listener.local_addr()?;
    println!("serving    http://{address}");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server::run(listener, settings, async { _ = stopped.await }));

    let name = args.name.clone();
    let pulled = tokio::task::spawn_blocking(move || pull::pull(address, &name)).await??;
    println!("pulled     {}: {pulled}", args.name);
    let reference = format!("{address}/{}", args.name);
    if !args.check {
        println!("\ntry        docker pull {reference} && docker run --rm {reference}");
        println!("           curl -iL http://{address}/v2/_catalog");
        println!("Ctrl-C ends it.");
        tokio::signal::ctrl_c().await?;
    }
    _ = stop.send(());
    serving.await?;
    Ok(())
}

/// As `registry-publisher publish IMAGE NAME --to BUCKET` does.
async fn publish(image: &Path, args: &Args) -> Outcome<()> {
    let source = image.as_os_str();
    let call =
        ["registry-publisher".as_ref(), "--quiet".as_ref(), "publish".as_ref(), source, args.name.as_ref()];
    let cli = Cli::try_parse_from(call.into_iter().chain(["--to".as_ref(), args.bucket.as_os_str()]))?;
    std::fs::create_dir_all(&args.bucket)?;
    print!("published  ");
    std::io::Write::flush(&mut std::io::stdout())?;
    command::run(&cli, &Report::new(true)).await.inspect_err(|_| println!())?;
    println!("           as plain files in {}", args.bucket.display());
    Ok(())
}

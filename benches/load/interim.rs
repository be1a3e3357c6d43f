//! Interim.
use anyhow::Result;
use firebell::{app::App, clock::Clock, config::Config, metrics::Metrics, serve};
use std::sync::Arc;
pub fn serve(path: &str) -> Result<()> {
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(std::env::var("RUST_LOG").unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let config = Config::from_toml(&std::fs::read_to_string(path)?)?;
        let metrics = Arc::new(Metrics::new());
        let seen = metrics.clone();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let app =
            App::build(config, Clock::system(), Arc::new(move |v, c, o, t| seen.vendor_call(v, c, o, t)))
                .await?;
        app.db.migrate().await?;
        let _running = serve::start(app, metrics, true).await?;
        std::future::pending::<()>().await;
        Ok(())
    })
}

//! A double that answers on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// It stops listening when this is dropped.
pub(super) struct Served {
    address: SocketAddr,
    server: AbortHandle,
}

impl Served {
    /// Listens on a free port of 127.0.0.1.
    #[expect(
        clippy::disallowed_methods,
        reason = "the simulator ends with its last handle, not with the app"
    )]
    pub(super) async fn start(app: Router) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle();
        Ok(Self { address, server })
    }

    /// `http://127.0.0.1:PORT`
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

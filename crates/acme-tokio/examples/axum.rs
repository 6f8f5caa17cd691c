//! A web server that obtains a certificate for its own name.

use acme_tokio::{Account, DirectoryUrl, Http01Responder, IssueRequest};
use axum::Router;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut responder = Http01Responder::new();
    let app = Router::new().route_service("/.well-known/acme-challenge/{token}", responder.clone());
    let listener = tokio::net::TcpListener::bind("[::]:80").await?;
    tokio::spawn(async { axum::serve(listener, app).await });

    let builder = Account::builder(DirectoryUrl::LetsEncryptStaging).agree_to_terms();
    let account = builder.key_file("account.pem").open().await?;
    let certificate = account.issue(&IssueRequest::new(["example.com"]), &mut responder).await?;
    std::fs::write("certificate.pem", certificate.certificate())?;
    Ok(())
}

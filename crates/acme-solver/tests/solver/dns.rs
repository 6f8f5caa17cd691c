//! The providers of DNS services, each against a stand-in of its service.

#[macro_use]
mod contract;
mod acme_dns;
mod azure;
mod cloudflare;
mod desec;
mod digitalocean;
mod flow;
mod gandi;
mod gcloud;
mod hetzner;
mod httpreq;
mod over_http;
mod ovh;
mod powerdns;
mod powerdns_fake;
mod route53;
mod served;
#[cfg(feature = "tokio")]
mod tokio_writers;
#[cfg(feature = "dns")]
mod update;
mod variables;
mod world;
mod writers;

//! `account thumbprint`: what a web server needs to answer http-01 for an account.

use acme_proto::{Signer as _, Thumbprint};
use serde_json::json;

use super::choose;
use crate::account;
use crate::args::{ThumbprintArgs, WebServer};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;

pub(super) fn run(context: &Context, args: &ThumbprintArgs) -> Result<Status, Error> {
    let store = context.existing_store()?;
    let stored = choose(&store, &args.choice)?;
    let thumbprint = Thumbprint::new(account::key_of(&stored)?.jwk(), acme_keys::sha256);
    let snippet = args.web_server.map(|server| template(server).replace(PLACE, thumbprint.as_str()));
    let output = &context.output;
    if output.is_json() {
        output.event("thumbprint", json!({"thumbprint": thumbprint.as_str(), "snippet": snippet}));
    } else {
        output.document(&snippet.unwrap_or_else(|| format!("{}\n", thumbprint.as_str())))?;
    }
    Ok(Status::Done)
}

fn template(server: WebServer) -> &'static str {
    match server {
        WebServer::Apache => APACHE,
        WebServer::Caddy => CADDY,
        WebServer::Haproxy => HAPROXY,
        WebServer::Nginx => NGINX,
    }
}

/// Where the thumbprint goes in a template.
const PLACE: &str = "THUMBPRINT";

const APACHE: &str = r#"# In the <VirtualHost> of port 80, with mod_alias:
<LocationMatch "^/\.well-known/acme-challenge/(?<token>[-_A-Za-z0-9]+)$">
    RedirectMatch 200 .*
    ErrorDocument 200 "%{env:MATCH_TOKEN}.THUMBPRINT"
</LocationMatch>
"#;

const CADDY: &str = r#"# In the site of http://, before what else responds:
@acme path_regexp token ^/\.well-known/acme-challenge/([-_A-Za-z0-9]+)$
respond @acme "{re.token.1}.THUMBPRINT" 200
"#;

const HAPROXY: &str = r#"# In the frontend of port 80, HAProxy 2.2 or later:
http-request return status 200 content-type text/plain lf-string "%[path,field(4,/)].THUMBPRINT" if { path_reg ^/\.well-known/acme-challenge/[-_A-Za-z0-9]+$ }
"#;

const NGINX: &str = r#"# In the server of port 80:
location ~ "^/\.well-known/acme-challenge/([-_A-Za-z0-9]+)$" {
    default_type text/plain;
    return 200 "$1.THUMBPRINT";
}
"#;

//! What other clients call things.

/// Our command for a verb of certbot or lego that is not one of ours.
pub(crate) fn ours(verb: &str) -> Option<&'static str> {
    VERBS.iter().find(|(foreign, _)| *foreign == verb).map(|(_, ours)| *ours)
}

const VERBS: [(&str, &str); 15] = [
    ("certificates", "list"),
    ("certonly", "issue DOMAIN..."),
    ("cron", "renew"),
    ("enhance", "issue DOMAIN..."),
    ("install", "issue DOMAIN... --deploy-hook CMD"),
    ("obtain", "issue DOMAIN..."),
    ("order", "issue DOMAIN..."),
    ("reconfigure", "issue DOMAIN..."),
    ("register", "account register"),
    ("remove", "delete CERT"),
    ("run", "issue DOMAIN..."),
    ("show_account", "account show"),
    ("status", "list"),
    ("sync", "renew"),
    ("update_account", "account register --email ADDRESS"),
];

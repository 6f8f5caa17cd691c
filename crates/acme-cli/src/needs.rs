//! What a renewal has to find again, looked at while somebody is there to mend it.

use std::path::Path;

use acme_store::{ChallengeMethod, Settings};

use crate::context::Context;
use crate::hooks;
use crate::report;

/// Warns of what is remembered of a certificate and is not there any more.
pub(crate) fn check(context: &Context, settings: &Settings) {
    let methods = std::iter::once(&settings.challenge).chain(settings.challenges.values());
    for method in methods.flat_map(|methods| methods.iter()) {
        if let ChallengeMethod::Dns { files, .. } = method {
            files.iter().for_each(|(variable, path)| check_file(context, variable, path));
        }
        if let ChallengeMethod::Webroot { dir } = method
            && !dir.is_dir()
        {
            warn(context, "the webroot", dir);
        }
    }
    if let Some(path) = &settings.csr {
        check_file(context, "the certificate signing request", path);
    }
    for hook in [&settings.deploy_hook, &settings.reload].into_iter().flatten() {
        if let Err(error) = hooks::check(hook) {
            let why = report::chain(&error.into()).join(": ");
            context.output.warn(format_args!("the renewal can't run '{hook}': {why}"));
        }
    }
}

/// A pipe, for example, has its content once only.
fn check_file(context: &Context, what: &str, path: &Path) {
    if !path.is_file() {
        warn(context, what, path);
    }
}

fn warn(context: &Context, what: &str, path: &Path) {
    context
        .output
        .warn(format_args!("the renewal will not find {what} again: {} does not stay", path.display()));
}

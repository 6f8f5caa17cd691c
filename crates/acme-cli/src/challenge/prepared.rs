//! The solvers of an order's names, set up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};
use acme_solver::{
    Checked, Finding, Http01, Member, PerName, Persisted, Propagated, ResolveError, Resolver, SelfCheck,
    Standing, TlsAlpn01, Webroot,
};
use acme_store::{ChallengeMethod, Settings, Timestamp};

use super::{ChallengeError, HTTP_PORT, Over, TLS_PORT, listen_at, stateless};
use crate::ca::{self, Kind};
use crate::context::Context;
use crate::dev_ca::ValidationPort;
use crate::dns;
use crate::error::Error;
use crate::listeners::Listeners;
use crate::output::Output;
use crate::report;
use crate::responder::{self, Responder};
use crate::scripts::{Form, Manual, Scripts};
use crate::settings::Global;
use crate::standing_record;

/// What proves control of the names, ready.
pub(crate) struct Prepared {
    solver: PerName,
    /// The names with their ways, the preferred one first.
    names: Vec<(Identifier, Vec<Way>)>,
    /// What did not work, and is not tried again.
    given_up: Vec<(Identifier, ChallengeMethod)>,
    detours: u32,
    /// Whether names of the account are preferred to those of everybody.
    dns_account: bool,
    /// The ports at which the test CA has to look.
    pub(crate) dev_ports: Vec<ValidationPort>,
    output: Output,
}

/// A method that is set up.
#[derive(Clone)]
struct Way {
    method: ChallengeMethod,
    member: Member,
    /// How, for people.
    how: String,
}

/// Sets up what proves control of the names: takes the ports, checks the webroots, finds the
/// credentials. A way that can't be had is done without as long as another one is left for each name.
pub(crate) fn prepare(context: &Context, settings: &Settings) -> Result<Prepared, ChallengeError> {
    let mut wanted = Wanted::default();
    for name in &settings.names {
        wanted.add(name, settings)?;
    }
    let mut solver = PerName::new();
    let mut dev_ports = Vec::new();
    let mut failed: Vec<(ChallengeMethod, ChallengeError)> = Vec::new();
    let mut ways: Vec<Way> = Vec::new();
    for (method, names) in wanted.methods {
        match set_up(context, settings, &method, &names) {
            Ok(ready) => {
                let member = solver.add(ready.solver);
                dev_ports.extend(ready.dev_port);
                ways.push(Way { method, member, how: ready.how });
            }
            Err(error) => failed.push((method, error)),
        }
    }
    let mut names = Vec::with_capacity(settings.names.len());
    for name in &settings.names {
        let methods = settings.challenge_for(name).for_name(name);
        let own = methods.clone().filter_map(|method| ways.iter().find(|way| way.method == *method).cloned());
        let own: Vec<Way> = own.collect();
        if own.is_empty()
            && let Some(at) = failed.iter().position(|(failed, _)| methods.clone().any(|one| one == failed))
        {
            return Err(failed.swap_remove(at).1);
        }
        own.iter().for_each(|way| solver.route_to(name.clone(), way.member));
        names.push((name.clone(), own));
    }
    for (method, error) in failed {
        let why = report::chain(&Error::from(error)).join(": ");
        context.output.warn(format_args!("{method} is done without: {why}"));
    }
    ways.iter().for_each(|way| solver.otherwise_to(way.member));
    Ok(Prepared {
        solver,
        names,
        given_up: Vec::new(),
        detours: 0,
        dns_account: settings.dns_account,
        dev_ports,
        output: context.output.clone(),
    })
}

/// The methods that are needed, each once, with the names that it is for.
#[derive(Default)]
struct Wanted {
    methods: Vec<(ChallengeMethod, Vec<Identifier>)>,
}

impl Wanted {
    fn add(&mut self, name: &Identifier, settings: &Settings) -> Result<(), ChallengeError> {
        let mut methods = settings.challenge_for(name).for_name(name).peekable();
        if methods.peek().is_none() {
            return Err(ChallengeError::Unable { identifier: name.clone() });
        }
        for method in methods {
            match self.methods.iter_mut().find(|(known, _)| known == method) {
                Some((_, names)) => names.push(name.clone()),
                None => self.methods.push((method.clone(), vec![name.clone()])),
            }
        }
        Ok(())
    }
}

/// One solver that is set up.
struct Ready {
    solver: Box<dyn Solver + Send>,
    how: String,
    dev_port: Option<ValidationPort>,
}

fn set_up(
    context: &Context,
    settings: &Settings,
    method: &ChallengeMethod,
    names: &[Identifier],
) -> Result<Ready, ChallengeError> {
    let is_dev = ca::kind(&settings.ca) == Kind::Dev;
    let (reach, inherited) = (context.settings.http_reach, &context.inherited);
    match method {
        ChallengeMethod::Dns { provider, .. } if provider == responder::NAME => {
            by_responder(context, settings, names)
        }
        ChallengeMethod::Dns { provider, files } => {
            let how = format!("dns-01 through {}", dns::title(provider));
            let first = names.first().map(|name| name.base().to_string()).unwrap_or_default();
            let resolver = dns::answering(&context.settings.resolver, &first);
            let ready = dns::prepare(context, provider, files, resolver.as_ref().ok().cloned())?;
            ready.tell_needs(&context.output);
            let solver = seen_everywhere(ready.solver, resolver, context);
            let dev_port = context.settings.resolver.address().map(ValidationPort::Dns);
            Ok(Ready { solver, how, dev_port })
        }
        ChallengeMethod::Http { listen } => {
            let listener = Listeners::<Http01>::open(inherited, &listen_at(listen, HTTP_PORT, is_dev))
                .map_err(|error| Over::Http.error(error))?;
            let address = listener.address;
            let how = format!("http-01 answered at {}", listener.places);
            // The test CA looks where we listen: to look there too would tell nothing new.
            let solver: Box<dyn Solver + Send> = match (is_dev, reach) {
                (true, _) => Box::new(listener),
                (false, _) => checked(listener, reach, context),
            };
            Ok(Ready { solver, how, dev_port: Some(ValidationPort::Http(address.port())) })
        }
        ChallengeMethod::Manual { challenge, auth_hook, cleanup_hook } => {
            let manual = Manual::new(auth_hook, cleanup_hook.as_deref(), challenge)?;
            let how = format!("{challenge} through {auth_hook}");
            let is_dns = *challenge == ChallengeType::Dns01;
            let solver = if is_dns { dns_hooks(context, manual, names) } else { http_hooks(context, manual) };
            let http_port = ValidationPort::Http(reach.map_or(HTTP_PORT, |reach| reach.port()));
            Ok(Ready { solver, how, dev_port: (!is_dns).then_some(http_port) })
        }
        ChallengeMethod::TlsAlpn { listen } => {
            let listener = Listeners::<TlsAlpn01>::open(inherited, &listen_at(listen, TLS_PORT, is_dev))
                .map_err(|error| Over::Tls.error(error))?;
            let address = listener.address;
            let how = format!("tls-alpn-01 answered at {}", listener.places);
            let solver: Box<dyn Solver + Send> = match is_dev {
                true => Box::new(listener),
                false => checked(listener, reach, context),
            };
            Ok(Ready { solver, how, dev_port: Some(ValidationPort::Tls(address.port())) })
        }
        ChallengeMethod::Webroot { dir } => {
            let webroot = Webroot::new(dir.clone())?;
            let how = format!("http-01 through files below {}", dir.display());
            let reach = if is_dev { reach.or(Some(LOCAL)) } else { reach };
            let dev_port = ValidationPort::Http(reach.map_or(HTTP_PORT, |reach| reach.port()));
            let solver = checked(webroot, reach, context);
            Ok(Ready { solver, how, dev_port: Some(dev_port) })
        }
        ChallengeMethod::HttpStateless => {
            let reach = if is_dev { reach.or(Some(LOCAL)) } else { reach };
            set_up_stateless(context, settings, names, reach)
        }
        ChallengeMethod::DnsPersist => Ok(by_standing_records(context, names)),
        _ => Err(ChallengeError::Method),
    }
}

/// Looks at records that are to be there, and writes none.
fn by_standing_records(context: &Context, names: &[Identifier]) -> Ready {
    let output = context.output.clone();
    let first = names.first().map(|name| name.base().to_string()).unwrap_or_default();
    let solver = match dns::answering(&context.settings.resolver, &first) {
        Ok(resolver) => Persisted::new(resolver).observe(move |sight| {
            if let Some(warning) = standing_record::lapse(sight.permitted().flatten(), Timestamp::now()) {
                output.warn(format_args!("{}: {warning}", sight.name));
            }
        }),
        Err(error) => {
            output.warn(format_args!("{error}: whether the records stand is not looked at"));
            Persisted::unseen()
        }
    };
    let how = "dns-persist-01 by records that stay".to_owned();
    let dev_port = context.settings.resolver.address().map(ValidationPort::Dns);
    Ready { solver: Box::new(solver), how, dev_port }
}

fn http_hooks(context: &Context, manual: Manual) -> Box<dyn Solver + Send> {
    let scripts = Scripts::new(context, Form::Manual(manual), None);
    checked(scripts, context.settings.http_reach, context)
}

fn dns_hooks(context: &Context, manual: Manual, names: &[Identifier]) -> Box<dyn Solver + Send> {
    let first = names.first().map(|name| name.base().to_string()).unwrap_or_default();
    let resolver = dns::answering(&context.settings.resolver, &first);
    let scripts = Scripts::new(context, Form::Manual(manual), resolver.as_ref().ok().cloned());
    seen_everywhere(Box::new(scripts), resolver, context)
}

/// Answers DNS challenges by a server of our own, if others would find it.
fn by_responder(
    context: &Context,
    settings: &Settings,
    names: &[Identifier],
) -> Result<Ready, ChallengeError> {
    let responder = Responder::of(settings)?;
    let is_dev = ca::kind(&settings.ca) == Kind::Dev;
    let mut solver = responder.listen(names, is_dev)?;
    let address = solver.local_addr();
    let how = format!("dns-01 answered at {address}");
    let dev_port = Some(ValidationPort::Dns(responder::reachable(address)));
    if is_dev {
        // The test CA asks this very server, whatever is delegated.
        return Ok(Ready { solver: Box::new(solver), how, dev_port });
    }
    let first = names.first().map(|name| name.base().to_string()).unwrap_or_default();
    let resolver = dns::answering(&context.settings.resolver, &first);
    if let Ok(resolver) = &resolver {
        responder.check_delegation(resolver, names)?;
        solver = solver.with_delegation(Arc::new(resolver.clone()));
    }
    let solver = seen_everywhere(Box::new(solver), resolver, context);
    Ok(Ready { solver, how, dev_port })
}

impl Prepared {
    /// How control is proved, for people: of all names, or else of the names that are listed.
    pub(crate) fn how(&self) -> Vec<(Vec<&Identifier>, String)> {
        let mut groups: Vec<(Vec<&Identifier>, String)> = Vec::new();
        for (name, ways) in &self.names {
            let how = ways.iter().map(|way| way.how.as_str()).collect::<Vec<_>>().join(", or else ");
            match groups.iter_mut().find(|(_, known)| *known == how) {
                Some((names, _)) => names.push(name),
                None => groups.push((vec![name], how)),
            }
        }
        groups
    }
}

impl Prepared {
    /// What is tried next, if there is something for each name that failed. What failed is not tried
    /// again.
    pub(crate) fn detours(&mut self, error: &Error) -> Option<Vec<Detour>> {
        if self.detours == MOST_DETOURS {
            return None;
        }
        let (mut detours, mut given_up) = (Vec::new(), Vec::new());
        for (name, failed, why) in self.failures(error.as_acme()?)? {
            let (_, ways) = self.names.iter().find(|(known, _)| *known == name)?;
            let way = ways.iter().find(|way| way.method.proves(&failed))?;
            let next = self.challenge_types(&name).into_iter().find(|kind| !way.method.proves(kind))?;
            given_up.push((name.clone(), way.method.clone()));
            detours.push(Detour { name, failed, next, why });
        }
        self.given_up.extend(given_up);
        self.detours += 1;
        Some(detours)
    }

    /// The names that failed, how control was to be proved, and why it was not.
    fn failures(&self, error: &acme_proto::Error) -> Option<Vec<(Identifier, ChallengeType, String)>> {
        if let acme_proto::Error::Solver { identifier, kind, source } = error {
            // What puts one response in place badly is not worth a try with names that have another way.
            let has_other = |ways: &[Way]| ways.iter().any(|way| !way.method.proves(kind));
            let is_next = |(name, ways): &&(Identifier, Vec<Way>)| {
                let is_first = self.challenge_types(name).first() == Some(kind);
                name == identifier || is_first && has_other(ways)
            };
            let names = self.names.iter().filter(is_next).map(|(name, _)| name);
            return Some(names.map(|name| (name.clone(), kind.clone(), source.to_string())).collect());
        }
        let refusal = error.refusal()?;
        std::iter::once(refusal)
            .chain(&refusal.others)
            .map(|refusal| {
                let why = refusal.problem.to_string();
                Some((refusal.identifier.clone()?, refusal.challenge.clone()?, why))
            })
            .collect()
    }
}

/// Another way to prove control of a name, after one has failed.
pub(crate) struct Detour {
    pub(crate) name: Identifier,
    pub(crate) failed: ChallengeType,
    pub(crate) next: ChallengeType,
    pub(crate) why: String,
}

impl Solver for Prepared {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        let mut types = self.solver.challenge_types(identifier);
        match (self.dns_account, types.iter().position(|kind| *kind == ChallengeType::Dns01)) {
            (true, Some(at)) => {
                types.retain(|kind| *kind != ChallengeType::DnsAccount01);
                types.insert(at, ChallengeType::DnsAccount01);
            }
            (true, None) => {}
            (false, _) => types.retain(|kind| *kind != ChallengeType::DnsAccount01),
        }
        let is_given_up = |kind: &ChallengeType| {
            self.given_up.iter().any(|(name, method)| name == identifier && method.proves(kind))
        };
        types.retain(|kind| !is_given_up(kind));
        types
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        for challenge in challenges {
            let identifier = challenge.order_identifier();
            if let Some(first) =
                self.challenge_types(&identifier).first().filter(|first| **first != challenge.kind)
            {
                let kind = &challenge.kind;
                self.output
                    .progress(format_args!("  {identifier}: by {kind}, since the CA offers no {first}"));
            }
        }
        self.solver.present(challenges)
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.solver.withdraw(challenges)
    }
}

fn set_up_stateless(
    context: &Context,
    settings: &Settings,
    names: &[Identifier],
    reach: Option<SocketAddr>,
) -> Result<Ready, ChallengeError> {
    let check = self_check(&Global { http_reach: reach, ..context.settings.clone() });
    let solver = stateless::set_up(context, settings, names, &check)?;
    let how = "http-01 answered by web servers that know the account".to_owned();
    let dev_port = ValidationPort::Http(reach.map_or(HTTP_PORT, |reach| reach.port()));
    Ok(Ready { solver: checked(solver, reach, context), how, dev_port: Some(dev_port) })
}

/// Waits until every server of the zone shows what was written.
fn seen_everywhere(
    solver: Box<dyn Solver + Send>,
    resolver: Result<Resolver, ResolveError>,
    context: &Context,
) -> Box<dyn Solver + Send> {
    let (output, interrupt) = (context.output.clone(), context.signals.interrupt().clone());
    let resolver = match resolver {
        Ok(resolver) => resolver,
        Err(error) => {
            output.warn(format_args!("{error}: whether the records can be seen everywhere is not looked at"));
            return solver;
        }
    };
    let solver = Propagated::new(solver, resolver).go_on_unseen();
    let solver = solver.end_when(move || interrupt.is_triggered()).observe(move |sighting| {
        let zone = &sighting.zone.name;
        output.progress(format_args!("the servers of {zone} after {:.1} s:", sighting.waited.as_secs_f64()));
        for (server, address, standing) in sighting.standings() {
            let late = sighting.lateness(address).filter(|_| standing == Standing::Shows);
            let late = late.map(|time| format!(", {:.1} s late", time.as_secs_f64())).unwrap_or_default();
            output.progress(format_args!("  {server} ({}) {standing}{late}", address.ip()));
        }
        if let Some(hearsay) = &sighting.hearsay {
            output.progress(format_args!("  none of them can be asked from here; {hearsay}"));
        }
    });
    Box::new(solver)
}

fn checked(
    solver: impl Solver + Send + 'static,
    reach: Option<SocketAddr>,
    context: &Context,
) -> Box<dyn Solver + Send> {
    let check = self_check(&Global { http_reach: reach, ..context.settings.clone() });
    let output = context.output.clone();
    Box::new(Checked::new(solver, check, move |finding| tell(&output, finding)))
}

/// A look at responses, where the ports of the names are said to lead to.
pub(crate) fn self_check(settings: &Global) -> SelfCheck {
    let (http, tls) = (settings.http_reach, settings.tls_reach);
    let check = SelfCheck::new(http.map_or(HTTP_PORT, |reach| reach.port()));
    let check = check.tls_port(tls.map_or(TLS_PORT, |reach| reach.port()));
    match http.or(tls) {
        Some(reach) => check.resolve_all(reach.ip()),
        None => check,
    }
}

fn tell(output: &Output, finding: &Finding) {
    if finding.is_warning() {
        output.warn(format_args!("seen from here, {finding}; the CA may see the same"));
    }
}

/// Where the web servers of the test CA's names are.
const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), HTTP_PORT);

/// Orders after the first one: CAs count failed validations, and five in an hour are many.
const MOST_DETOURS: u32 = 3;

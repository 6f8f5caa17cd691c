//! Terms that change, authorizations ahead of orders, and the list of orders.

use acme_testca::{Action, Config, Fault, Operation, TestCa};
use acme_tokio::proto::{AuthorizationStatus, Error as ProtoError, Misuse, Order};
use acme_tokio::{IssueRequest, ProblemKind, proto};

use crate::world::{self, Desk};

#[tokio::test]
async fn changed_terms_name_the_page_where_somebody_has_to_agree() {
    let mut config = Config::gentle();
    (config.always_valid, config.terms_of_service) = (true, Some("https://ca.test/terms/1".into()));
    let ca = TestCa::builder().config(config).start().unwrap();
    let account = world::builder(&ca).agree_to_terms().open().await.unwrap();
    ca.with(|ca| ca.change_terms("https://ca.test/terms/2"));
    let request = IssueRequest::new(["a.example"]);
    let error = account.issue(&request, &mut Desk::default()).await.unwrap_err();
    let refusal = error.as_acme().and_then(ProtoError::refusal).unwrap();
    assert_eq!(refusal.problem.kind, ProblemKind::UserActionRequired);
    let action = refusal.user_action.as_ref().unwrap();
    assert_eq!(action.terms_of_service.as_deref(), Some("https://ca.test/terms/2"));
    assert!(action.instance.as_ref().unwrap().starts_with("https://"), "{action:?}");
    assert!(!error.is_temporary());
    assert_eq!(world::count(&ca, Operation::NewOrder), 1);
    let url = account.url();
    assert!(ca.with(|ca| ca.agree_to_terms(&url)));
    account.issue(&request, &mut Desk::default()).await.unwrap();
}

#[tokio::test]
async fn name_is_authorized_ahead_of_its_order() {
    let mut config = Config::gentle();
    (config.always_valid, config.pre_authorization) = (true, true);
    config.authorization_reuse_percent = 100;
    let ca = TestCa::builder().config(config).start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let mut desk = Desk::default();
    ca.fault(Fault::on(Operation::Challenge, Action::LoseResponse));
    let authorized = account.pre_authorize("a.example", &mut desk).await.unwrap();
    assert_eq!(authorized.authorization.status, AuthorizationStatus::Valid);
    assert!(desk.is_empty());
    let answers = world::count(&ca, Operation::Challenge);
    account.issue(&IssueRequest::new(["a.example"]), &mut desk).await.unwrap();
    assert_eq!(world::count(&ca, Operation::Challenge), answers);
    // Given up, it has to be proved again.
    let url = &authorized.authorization.url;
    assert_eq!(account.authorization(url).await.unwrap().status, AuthorizationStatus::Valid);
    assert_eq!(account.deactivate_authorization(url).await.unwrap().status, AuthorizationStatus::Deactivated);
    account.issue(&IssueRequest::new(["a.example"]), &mut desk).await.unwrap();
    assert_eq!(world::count(&ca, Operation::Challenge), answers + 1);
}

#[tokio::test]
async fn what_can_not_be_authorized_ahead_is_not_asked_for() {
    let mut config = Config::gentle();
    config.pre_authorization = false;
    let ca = TestCa::builder().config(config).start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let requests = ca.requests().len();
    for (name, wanted) in [
        ("a.example", Misuse::NotOffered(proto::Operation::NewAuthz)),
        ("*.a.example", Misuse::WildcardPreAuthorization("*.a.example".parse().unwrap())),
    ] {
        let error = account.pre_authorize(name, &mut Desk::default()).await.unwrap_err();
        let Some(ProtoError::Misuse(misuse)) = error.as_acme() else { panic!("{error:?}") };
        assert_eq!(*misuse, wanted);
    }
    let error = account.pre_authorize("not a name", &mut Desk::default()).await.unwrap_err();
    assert!(matches!(error.as_acme(), Some(ProtoError::Misuse(Misuse::Identifier { .. }))), "{error:?}");
    assert_eq!(ca.requests().len(), requests);
}

#[tokio::test]
async fn orders_are_listed_where_the_ca_has_a_list() {
    for has_list in [true, false] {
        let mut config = Config::gentle();
        (config.always_valid, config.orders_list, config.orders_per_page) = (true, has_list, 2);
        let ca = TestCa::builder().config(config).start().unwrap();
        let account = world::builder(&ca).open().await.unwrap();
        for number in 0..5 {
            let request = IssueRequest::new([format!("{number}.example")]);
            account.issue(&request, &mut Desk::default()).await.unwrap();
        }
        let list = account.orders().await.unwrap();
        assert_eq!(
            list.as_ref().map(|list| (list.urls.len(), list.is_complete)),
            has_list.then_some((5, true))
        );
        for url in list.into_iter().flat_map(|list| list.urls) {
            assert_eq!(account.call(Order::read(&url)).await.unwrap().url, url);
        }
        assert_eq!(world::count(&ca, Operation::Orders), if has_list { 3 } else { 0 });
    }
}

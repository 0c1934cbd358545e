//! The OpenAPI document, made of the addresses themselves.

use std::sync::{LazyLock, OnceLock};

use axum::http::HeaderMap;
use axum::response::Response;
use salesmart_metrics::calendar::Granularity;
use salesmart_metrics::cube::Load;
use salesmart_metrics::filter::{Comparison, Field, PARAMETERS, Preset};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, InfoBuilder, KnownFormat, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    ResponseBuilder, SecurityRequirement, Server,
};

use super::BASE;
use super::call::Effective;
use super::endpoint::{self, Endpoint, Schemas, schema};
use super::format::Format;
use super::parameter::{Parameter, Values};
use crate::problem::Body as ProblemBody;
use crate::problem::Problem;
use crate::state::answer::Answer;
use crate::state::answer::Made;

/// A day, in the years that are taken.
const DAY: &str = "^(19[0-9]{2}|2[01][0-9]{2}|2200)-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$";
/// Names have no control characters.
const NAME: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
/// The name under which tokens are described.
const TOKEN: &str = "token";

const ABOUT: &str = "The figures of the dashboard, for programs. All of one answer is of one state of the warehouse: `load` \
    says which. Every address takes the same filter; what it does not know, or what is written wrongly, is refused with a \
    problem that names the parameter. Amounts are exact, with four decimals.\n\n\
    Answers come as JSON, or flat as CSV, NDJSON or an Arrow IPC stream, by the header `Accept` or the parameter `format`. \
    They carry an `ETag`; a request with `If-None-Match` gets 304 until a sync brings new figures. In CSV, texts that a \
    spreadsheet would take for a formula have a `'` before them.";

/// The problems that an address may have.
const PROBLEMS: [(&str, &str, &str); 5] = [
    ("400", "Invalid", "A parameter is not known or wrong; `parameter` names it and `detail` says what it may be."),
    ("401", "Unauthorized", "Nobody is logged in, or the token is not known."),
    ("406", "NotAcceptable", "None of the media types in `Accept` can be given; `detail` lists those that can."),
    ("429", "TooMany", "Too many tries; `Retry-After` says when the next one is possible."),
    ("503", "Unavailable", "The warehouse cannot be reached, or it took too long; try again."),
];

/// The document; it is the same until the program is another one.
pub(super) static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(build);

/// As a file. It is made once: anybody may ask for it, as often as they like.
pub(super) async fn document(headers: HeaderMap) -> Result<Response, Problem> {
    static ANSWER: OnceLock<Answer> = OnceLock::new();
    if let Some(answer) = ANSWER.get() {
        return Ok(answer.response(&headers));
    }
    let body = DOCUMENT.to_json().map_err(Problem::internal)?.into_bytes();
    let answer = Answer::fixed(Made { content_type: "application/json", body }, "api openapi.json")?;
    Ok(ANSWER.get_or_init(|| answer).response(&headers))
}

fn build() -> OpenApi {
    let mut schemas = Schemas::new();
    let mut paths = PathsBuilder::new();
    for endpoint in endpoint::ALL {
        paths = paths.path(format!("/{}", endpoint.name), PathItem::new(HttpMethod::Get, get(endpoint, &mut schemas)));
    }
    let info = InfoBuilder::new()
        .title("salesmart")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(utoipa::openapi::License::new("MIT OR Apache-2.0")));
    OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([Server::new(BASE)]))
        .paths(paths)
        .components(Some(components(schemas)))
        // Where no viewers are set up, nobody needs a token.
        .security(Some([SecurityRequirement::default(), SecurityRequirement::new::<_, [&str; 0], &str>(TOKEN, [])]))
        .build()
}

fn components(mut schemas: Schemas) -> Components {
    let problem = schema::<ProblemBody<'_>>(&mut schemas);
    let mut components = ComponentsBuilder::new().schemas_from_iter(schemas);
    for name in PARAMETERS {
        components = components.parameter(name, filter_parameter(name));
    }
    components = components.parameter("format", format());
    for (_, name, about) in PROBLEMS {
        let content = ContentBuilder::new().schema(Some(problem.clone())).build();
        let mut response = ResponseBuilder::new().description(about).content("application/problem+json", content);
        if matches!(name, "TooMany" | "Unavailable") {
            let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
            let header = HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait."));
            response = response.header("Retry-After", header.build());
        }
        components = components.response(name, response.build());
    }
    let unchanged = ResponseBuilder::new().description("The figures are still those of the `ETag` that was sent.");
    components = components.response("NotModified", unchanged.header("ETag", text_header("The tag.")).build());
    components.security_scheme(TOKEN, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer))).build()
}

fn get(endpoint: &Endpoint, schemas: &mut Schemas) -> OperationBuilder {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(endpoint.name))
        .summary(Some(endpoint.title))
        .description(Some(endpoint.about));
    for parameter in endpoint.own {
        operation = operation.parameter(own(parameter));
    }
    for name in PARAMETERS.iter().chain(&["format"]) {
        operation = operation.parameter_ref(Ref::new(format!("#/components/parameters/{name}")));
    }
    operation = operation.response("200", success(endpoint, schemas));
    operation = operation.response("304", Ref::from_response_name("NotModified"));
    for (status, name, _) in PROBLEMS {
        operation = operation.response(status, Ref::from_response_name(name));
    }
    operation
}

fn success(endpoint: &Endpoint, schemas: &mut Schemas) -> ResponseBuilder {
    let whole = ObjectBuilder::new()
        .property("load", schema::<Load>(schemas))
        .property("filter", schema::<Effective>(schemas))
        .property("data", (endpoint.data)(schemas))
        .required("load")
        .required("filter")
        .required("data")
        .build();
    let mut response = ResponseBuilder::new()
        .description(endpoint.title)
        .header("ETag", text_header("Changes whenever the answer may."))
        .header("Salesmart-Load", text_header("Which load the answer is of."));
    if endpoint.has_pages {
        response = response.header("Link", text_header("The next page, `rel=\"next\"`, if there is one."));
    }
    for format in Format::ALL {
        let body: RefOr<Schema> = match format {
            Format::Json => whole.clone().into(),
            Format::Csv | Format::Ndjson => ObjectBuilder::new().schema_type(Type::String).into(),
            Format::Arrow => ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
                .into(),
        };
        response = response.content(format.media_type(), ContentBuilder::new().schema(Some(body)).build());
    }
    response
}

fn text_header(about: &str) -> utoipa::openapi::header::Header {
    HeaderBuilder::new().description(Some(about)).build()
}

fn query(name: &str, about: &str, schema: impl Into<RefOr<Schema>>) -> utoipa::openapi::path::Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(schema))
        .build()
}

fn names(names: Vec<&'static str>, default: Option<&'static str>) -> ObjectBuilder {
    let default = default.map(Into::into);
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).default(default)
}

fn own(parameter: &Parameter) -> utoipa::openapi::path::Parameter {
    let schema = match parameter.values {
        Values::OneOf(all, default) => names(all(), default),
        Values::Number { most, default } => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(most))
            .default(Some(default.into())),
        Values::Text { pattern, example } => {
            ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).examples([example])
        }
    };
    query(parameter.name, parameter.about, schema)
}

fn format() -> utoipa::openapi::path::Parameter {
    let schema = names(Format::ALL.map(Format::name).to_vec(), None);
    query("format", "The form of the answer; counts more than `Accept`.", schema)
}

fn filter_parameter(name: &'static str) -> utoipa::openapi::path::Parameter {
    let day = |example: &str| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
            .pattern(Some(DAY))
            .examples([example])
    };
    match name {
        "dates" => {
            let schema = names(Preset::ALL.map(Preset::name).to_vec(), Some(Preset::default().name()));
            query(name, "Days by name, relative to the last day with a sale. `from` and `to` count more.", schema)
        }
        "from" => query(
            name,
            "The first day, not after `to`; the first one with a sale if only `to` is given.",
            day("2024-01-01"),
        ),
        "to" => query(name, "The last day; the last one with a sale if only `from` is given.", day("2024-03-31")),
        "granularity" => {
            let about = "Width of the buckets of a trend; what suits the days if it is not given. `from` and `to` must not \
                         lie more than 1,100 of them apart.";
            query(name, about, names(Granularity::ALL.map(Granularity::name).to_vec(), None))
        }
        "compare" => {
            let schema = names(Comparison::ALL.map(Comparison::name).to_vec(), Some(Comparison::default().name()));
            query(name, "What to compare with.", schema)
        }
        _ => {
            let name_schema = ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(200))
                .pattern(Some(NAME));
            let schema = ArrayBuilder::new().items(name_schema);
            let what = match Field::ALL.into_iter().find(|field| field.name() == name) {
                Some(Field::Region) => "Regions, by name",
                Some(Field::City) => "Cities, by name",
                Some(Field::Store) => "Stores, by name",
                Some(Field::Category) => "Categories, by name",
                Some(Field::Product) => "Products, by code (`unknown` is the one without)",
                Some(Field::Segment) | None => "Customer segments, by name",
            };
            query(
                name,
                &format!(
                    "{what}: any of those given; all if none is. May be repeated, with up to 200 different names."
                ),
                schema,
            )
        }
    }
}

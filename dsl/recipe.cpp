// Recipes: objectives that are written once, for networks known by their roles. A recipe is data,
// not code: it is read like an objective, then its roles are replaced by the model's networks and
// its parameters by their values.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <system_error>

#include "compiler/support/edit_distance.h"
#include "compiler/support/numbers.h"
#include "compiler/support/paths.h"
#include "dsl/reader.h"
#include "dsl/rewrite.h"
#include "dsl/text/lexer.h"
#include "dsl/text/scalar.h"

namespace gmc::dsl {
namespace {

/// A parameter as its recipe declares it.
struct Parameter {
    std::string name;
    Span span;
    /// Null when the objective has to give it.
    NodePtr fallback;
    /// The words to choose from; empty when it is not a choice.
    std::vector<std::string> words;
};

/// A recipe file whose keys were checked.
struct Recipe {
    NodePtr root;
    std::vector<Parameter> parameters;
    std::vector<std::pair<std::string, Span>> roles;
};

/// The names of all recipes, for "did you mean".
std::vector<std::string> list_recipes(const std::vector<std::string>& directories) {
    std::vector<std::string> out;
    for (const std::string& directory : directories)
        for (const std::filesystem::path& file : paths_in(directory))
            if (file.extension() == ".yaml") out.push_back(file.stem().string());
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

/// The document of the recipe that `key` names; the first directory that has it is used.
Result<NodePtr> load(const Entry& key, const std::vector<std::string>& directories,
                     Diagnostics& diagnostics) {
    const KeyRow* row = find_key(mapping("objective").keys, "recipe");
    const std::string& name = key.value->text;
    const bool no_name = key.value->is_scalar() && !is_name(name);  // `vae-gan`: no file
    if (!no_name && !read_value(*key.value, *row, diagnostics)) return Failure{};
    for (const std::string& directory : directories) {
        if (no_name) break;
        const std::filesystem::path path = std::filesystem::path(directory) / (name + ".yaml");
        std::error_code error;
        if (!std::filesystem::exists(path, error)) continue;
        const uint32_t files = diagnostics.sources().count();
        Result<NodePtr> root = read_document(path.string(), diagnostics);
        // Exactly one file was added, also when it could not be read.
        if (diagnostics.sources().count() > files)
            diagnostics.sources().set_origin(files + 1, key.value->span,
                                             fmt::format("in recipe `{}`, used here", name));
        return root;
    }
    report_unknown(DiagnosticKind::kUnknownName, key.value->span,
                   fmt::format("there is no recipe `{}`", name), name, list_recipes(directories),
                   diagnostics)
        .help("looked for in " + quoted_list(directories));
    return Failure{};
}

/// Reads a parameter of the form `{words: [a, b], default: a}`.
void read_choice(const Entry& entry, Parameter& out, Diagnostics& diagnostics) {
    const Values values =
        read_values(*entry.value, mapping("recipe choice").keys,
                    fmt::format("parameter `{}`", entry.key), entry.key_span, diagnostics);
    if (const Entry* words = entry.value->find("words"))
        for (const PlacedName& word : read_names(*words->value, "`words`", diagnostics))
            out.words.push_back(word.name);
    const Entry* fallback = entry.value->find("default");
    out.fallback = fallback ? fallback->value : nullptr;
    if (fallback && values.ok &&
        !std::count(out.words.begin(), out.words.end(), fallback->value->text))
        diagnostics.error(DiagnosticKind::kBadValue, fallback->value->span,
                          "the default `{}` is none of the words", fallback->value->text);
}

/// Reads what a recipe declares. Its expressions are read later, since they depend on the chosen
/// words.
Recipe read_declarations(const NodePtr& root, Diagnostics& diagnostics) {
    Recipe out;
    out.root = root;
    read_values(*root, mapping("recipe").keys, "the recipe", root->span, diagnostics);
    const Entry* parameters = root->find("parameters");
    if (parameters &&
        expect_map(*parameters->value, "`parameters`", parameters->key_span, diagnostics)) {
        for (const Entry& entry : parameters->value->entries) {
            Parameter parameter{
                entry.key, entry.key_span, entry.value->is_null() ? nullptr : entry.value, {}};
            check_name(entry.key, "a parameter", entry.key_span, diagnostics);
            if (entry.value->find("words")) read_choice(entry, parameter, diagnostics);
            out.parameters.push_back(std::move(parameter));
        }
    }
    const Entry* roles = root->find("roles");
    if (roles && expect_map(*roles->value, "`roles`", roles->key_span, diagnostics)) {
        for (const Entry& entry : roles->value->entries) {
            check_name(entry.key, "a role", entry.key_span, diagnostics);
            out.roles.emplace_back(entry.key, entry.key_span);
        }
    }
    return out;
}

/// Checks the keys of `objective`: the language's own, the recipe's parameters and its roles.
void check_objective_keys(const Recipe& recipe, const Node& objective, const Entry& key,
                          Diagnostics& diagnostics) {
    std::vector<KeyRow> rows = mapping("objective").keys;
    for (const Parameter& parameter : recipe.parameters)
        rows.push_back({parameter.name.c_str(), KeyType::kStructure,
                        parameter.fallback ? kOptional : kRequired, "a parameter of the recipe"});
    for (const auto& [role, span] : recipe.roles)
        rows.push_back(
            {role.c_str(), KeyType::kStructure, kOptional, "the network that plays this role"});
    check_keys(objective, rows, fmt::format("`objective` with the recipe `{}`", key.value->text),
               key.key_span, diagnostics);
}

/// Whether a word that is no role was probably meant for this one: `Decoder` or `decodr` for
/// `decoder`, and `discriminator` for `critic`.
bool means_role(const std::string& written, const std::string& role) {
    const auto judges = [](const std::string& word) {
        return word == "critic" || word == "discriminator";
    };
    if (judges(written) && judges(role)) return true;
    std::string small = written;
    for (char& c : small) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return edit_distance(small, role) <= 1;  // `encoder` and `decoder` are 2 apart
}

/// The network that plays `role`: the one that the objective names, or the one with that `role:`.
/// "" after an error.
std::string bind_role(const std::string& role, Span role_span, const Node& objective,
                      const Entry& key, const std::vector<NetworkSpec>& networks,
                      Diagnostics& diagnostics) {
    std::vector<std::string> names, players;
    for (const NetworkSpec& network : networks) {
        names.push_back(network.name);
        if (network.role == role) players.push_back(network.name);
    }
    if (const Entry* given = objective.find(role)) {
        if (given->value->is_null() || given->value->failed) return "";  // reported
        if (std::count(names.begin(), names.end(), given->value->text)) return given->value->text;
        report_unknown(
            DiagnosticKind::kUnknownName, given->value->span,
            fmt::format("there is no network {} to play the {}", describe(*given->value), role),
            given->value->text, names, diagnostics);
        return "";
    }
    if (players.size() == 1) return players[0];
    if (networks.empty()) return "";  // `networks` being empty was reported
    for (const NetworkSpec& network : networks) {
        // A network with an error, such as `type: decoder`, may be the one.
        if (players.empty() && network.broken && network.role.empty()) return "";
        // Of two with one role, the one that is called like another role has the wrong one.
        const bool shared = std::any_of(networks.begin(), networks.end(), [&](const auto& other) {
            return &other != &network && other.role == network.role;
        });
        if (players.empty() && network.name == role && shared && !network.role.empty()) return "";
    }
    if (players.empty()) {
        Diagnostic& error =
            diagnostics
                .error(DiagnosticKind::kMissingKey, key.value->span,
                       "the recipe `{}` needs a network with `role: {}`", key.value->text, role)
                .note(role_span, "the role is declared here");
        for (const NetworkSpec& network : networks)
            if (means_role(network.role, role) || network.name == role)
                return error.help(fmt::format(
                           "`{}` has {}: write `role: {}`", network.name,
                           network.role.empty() ? "no role" : "`role: " + network.role + "`",
                           role)),
                       "";
        error.help(
            fmt::format("say it in the network, or name the network in the objective: "
                        "`{}: ...`",
                        role));
    } else
        diagnostics
            .error(DiagnosticKind::kDuplicateKey, key.value->span,
                   "{} networks have `role: {}`: {}", players.size(), role, quoted_list(players))
            .help(fmt::format("name one of them in the objective: `{}: {}`; or has one of them "
                              "another role?",
                              role, players[0]));
    return "";
}

/// The recipe's body with the parts for the chosen words merged on top of it.
NodePtr apply_choices(const Recipe& recipe, const std::map<std::string, std::string>& words,
                      Diagnostics& diagnostics) {
    NodePtr body = recipe.root;
    const Entry* choose = body->find("choose");
    if (!choose || !expect_map(*choose->value, "`choose`", choose->key_span, diagnostics))
        return body;
    for (const Entry& choice : choose->value->entries) {
        const auto word = words.find(choice.key);
        if (word == words.end()) {
            report_unknown(DiagnosticKind::kUnknownName, choice.key_span,
                           fmt::format("no parameter `{}` has words to choose from", choice.key),
                           choice.key, {}, diagnostics);
            continue;
        }
        const Entry* part = choice.value->find(word->second);
        if (!part) {
            diagnostics.error(DiagnosticKind::kMissingKey, choice.key_span,
                              "`choose` says nothing for `{}: {}`", choice.key, word->second);
            continue;
        }
        if (check_keys(*part->value, mapping("recipe part").keys, fmt::format("`{}`", part->key),
                       part->key_span, diagnostics))
            body = merge(body, part->value);
    }
    return body;
}

/// Finds a network for each role and a value for each parameter.
class Binder {
  public:
    Binder(const Recipe& recipe, const Node& objective, const Entry& key, Diagnostics& diagnostics)
        : recipe_(recipe), objective_(objective), key_(key), diagnostics_(diagnostics) {}

    Replacements bind(const std::vector<NetworkSpec>& networks) {
        for (const auto& [role, span] : recipe_.roles) {
            const std::string network =
                bind_role(role, span, objective_, key_, networks, diagnostics_);
            if (!network.empty()) out_.callees[role] = network;
        }
        for (const Parameter& parameter : recipe_.parameters) bind_parameter(parameter);
        return std::move(out_);
    }
    const std::map<std::string, std::string>& words() const { return words_; }
    /// Whether a parameter has a value of which an error was reported before.
    bool failed() const { return failed_; }

  private:
    void bind_parameter(const Parameter& parameter) {
        const Entry* given = objective_.find(parameter.name);
        const Node* value = given ? given->value.get() : parameter.fallback.get();
        if (value && value->failed) failed_ = true;
        if (!value || value->is_null() || value->failed)
            return;  // reported, if only by check_objective_keys
        if (!parameter.words.empty()) {
            if (std::count(parameter.words.begin(), parameter.words.end(), value->text)) {
                words_[parameter.name] = value->text;
                return;
            }
            if (!given) return;  // a wrong default; read_choice reported it
            report_unknown(DiagnosticKind::kBadValue, value->span,
                           fmt::format("`{}` cannot be {}", parameter.name, describe(*value)),
                           value->text, parameter.words, diagnostics_);
        } else if (ExpressionPtr e = read_expression(
                       *value, fmt::format("`{}`", parameter.name), diagnostics_,
                       parameter.fallback && parse_flag(parameter.fallback->text))) {
            out_.names[parameter.name] = e;
            if (given) check_sign(parameter, *e);
        }
    }

    /// Whether `e`, and each part of it that is a number, fits in f32; what does not is an error.
    static bool numbers_fit(const Expression& e) {
        const std::optional<double> value = constant_value(e);
        return (!value || fits_f32(*value)) &&
               std::all_of(e.arguments.begin(), e.arguments.end(),
                           [](const ExpressionPtr& part) { return numbers_fit(*part); });
    }

    /// A number that the recipe has above 0, such as the weight of a term, and the model below.
    void check_sign(const Parameter& parameter, const Expression& e) {
        const std::optional<double> value = constant_value(e);
        const std::optional<double> usual =
            parameter.fallback ? parse_number(parameter.fallback->text) : std::nullopt;
        if (!value || !usual || *usual <= 0 || !(static_cast<float>(*value) < 0)) return;
        if (!numbers_fit(e)) return;
        diagnostics_
            .warning(DiagnosticKind::kBadValue, e.span,
                     "`{}` is {}, below 0: the loss falls as its term grows", parameter.name,
                     *value)
            .note(parameter.span, fmt::format("it is {} where nothing is said", *usual));
    }

    const Recipe& recipe_;
    const Node& objective_;
    const Entry& key_;
    Diagnostics& diagnostics_;
    Replacements out_;
    std::map<std::string, std::string> words_;
    bool failed_ = false;
};

}  // namespace

/// 1. The recipe's file is found and its roles and parameters are read.
/// 2. Roles are bound to networks, parameters to what the model gives or to their defaults.
/// 3. Keys that depend on a word of the model (`likelihood: gaussian`) are chosen, and what is left
///    is read like an objective that the model had written itself.
/// 4. Names of roles and parameters in it are replaced.
/// Errors of one step end the reading, since the next would report their consequences.
Result<ObjectivePart> read_recipe(const Node& objective, const Entry& key,
                                  const std::vector<NetworkSpec>& networks,
                                  const std::vector<std::string>& directories,
                                  Diagnostics& diagnostics) {
    const size_t errors = diagnostics.count();
    if (key.value->failed) return Failure{};
    const Result<NodePtr> root = load(key, directories, diagnostics);
    if (!root) return Failure{};
    const Recipe recipe = read_declarations(*root, diagnostics);
    check_objective_keys(recipe, objective, key, diagnostics);
    Binder binder(recipe, objective, key, diagnostics);
    const Replacements replacements = binder.bind(networks);
    if (diagnostics.count() != errors || binder.failed()) return Failure{};
    ObjectivePart part =
        read_objective_part(*apply_choices(recipe, binder.words(), diagnostics), diagnostics);
    if (diagnostics.count() != errors) return Failure{};
    replace(part, replacements);
    part.recipe = {key.value->text, (*root)->span.file, key.value->span, {}};
    for (const Parameter& parameter : recipe.parameters)
        if (parameter.fallback && parameter.words.empty() && is_name(parameter.fallback->text))
            part.recipe.default_names[parameter.name] = parameter.fallback->text;
    return part;
}

}  // namespace gmc::dsl

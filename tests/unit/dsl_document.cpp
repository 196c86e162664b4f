// Documents: the tree, the places of its parts, and texts that are not YAML.
#include "dsl/text/document.h"

#include "dsl/expand.h"
#include "tests/unit/dsl_helpers.h"

namespace gmc::dsl {
namespace {

Span at(uint32_t line, uint32_t column, uint32_t length) { return {1, line, column, length}; }

TEST_CASE("A document has maps, lists, scalars and nothing", "[dsl]") {
    const Parsed parsed("a: 1\nb: [x, 'y z']\nc:\nd: ~\n");
    REQUIRE(parsed.root);
    REQUIRE(parsed.root->is_map());
    CHECK(parsed.root->find("a")->value->text == "1");
    const Node& list = *parsed.root->find("b")->value;
    REQUIRE(list.items.size() == 2);
    CHECK_FALSE(list.items[0]->quoted);
    CHECK(list.items[1]->quoted);
    CHECK(list.items[1]->text == "y z");
    CHECK(parsed.root->find("c")->value->is_null());
    CHECK(parsed.root->find("d")->value->is_null());
    CHECK(parsed.root->find("e") == nullptr);
}

TEST_CASE("Places are 1-based and cover quotes", "[dsl]") {
    const Parsed parsed(
        "a:  \"x y\"\nlong key: [1, {b: 'it''s'}]\nn:\nm: &anchor value\nr: *anchor\n");
    REQUIRE(parsed.root);
    CHECK(parsed.root->find("a")->key_span == at(1, 1, 1));
    CHECK(parsed.root->find("a")->value->span == at(1, 5, 5));
    CHECK(parsed.root->find("long key")->key_span == at(2, 1, 8));
    const Node& list = *parsed.root->find("long key")->value;
    CHECK(list.span == at(2, 11, 1));
    CHECK(list.items[0]->span == at(2, 12, 1));
    CHECK(list.items[1]->span == at(2, 15, 1));
    CHECK(list.items[1]->find("b")->value->span == at(2, 19, 7));
    // A missing value is best shown at its key.
    CHECK(parsed.root->find("n")->value->span == at(3, 1, 1));
    CHECK(parsed.root->find("m")->value->span == at(4, 12, 5));
    // An alias has the place where it is used, and the one where its value is defined.
    CHECK(parsed.root->find("r")->value->span == at(5, 4, 7));
    CHECK(parsed.root->find("r")->value->defined == at(4, 12, 5));
}

TEST_CASE("Columns count bytes after letters of several bytes", "[dsl]") {
    const Parsed parsed("größe: [é, x]\n");
    REQUIRE(parsed.root);
    CHECK(parsed.root->entries[0].key_span == at(1, 1, 7));
    CHECK(parsed.root->entries[0].value->items[1]->span == at(1, 15, 1));
}

TEST_CASE("Merge keys give way to a map's own keys", "[dsl]") {
    const Parsed parsed("base: &b {x: 1, y: 2}\nm: {<<: *b, y: 3}\nn: {<<: [*b, {z: 4}]}\n");
    REQUIRE(parsed.root);
    const Node& m = *parsed.root->find("m")->value;
    CHECK(m.find("x")->value->text == "1");
    CHECK(m.find("y")->value->text == "3");
    CHECK(parsed.root->find("n")->value->find("z")->value->text == "4");
}

TEST_CASE("Bytes of scalars find their places", "[dsl]") {
    const std::string text = "a: one\n  two\nb: \"x\ny\"\nc: |\n  first\n  second\n";
    Parsed parsed(text);
    REQUIRE(parsed.root);
    const SourceFiles& sources = parsed.diagnostics.sources();
    const auto place = [&](const char* key, const char* word) {
        const Node& node = *parsed.root->find(key)->value;
        const size_t begin = node.text.find(word);
        return span_of_text(text_places(node, sources), begin, begin + std::string(word).size(), 1,
                            sources);
    };
    CHECK(place("a", "two") == at(2, 3, 3));
    CHECK(place("b", "y") == at(4, 1, 1));
    CHECK(place("c", "second") == at(7, 3, 6));
}

TEST_CASE("Every malformed text is one error and no crash", "[dsl]") {
    const auto [text, error] = GENERATE(table<std::string, std::string>({
        {"", "[bad-yaml] the file is empty"},
        {"# only this\n", "[bad-yaml] the file is empty"},
        {"~\n", "[bad-yaml] the file is empty"},
        {"a: 1\na: 2\n", "[duplicate-key] the key `a` is given twice"},
        {"a: {b: 1, b: 2}\n", "[duplicate-key] the key `b` is given twice"},
        {"a:\n\tb: 1\n", "[bad-yaml] a tab is used as indentation"},
        {"a: b: c\n", "[bad-yaml] a `:` where no key can stand"},
        {"a: ]\n", "[bad-yaml] malformed YAML: unexpected character in block scalar"},
        {"a: [1\n", "[bad-yaml] a `[` is not closed, or a `,` is missing"},
        {"a: {b\n", "[bad-yaml] a `{` is not closed, or a `,` is missing"},
        {"a: 'b\n", "[bad-yaml] a quote is not closed"},
        {"a: *b\n", "[bad-yaml] the alias has no anchor"},
        {"a: &a [*a]\n", "[bad-yaml] an alias is used inside of what it stands for"},
        {"a: !!int 3\n", "[bad-yaml] YAML tags such as `!!int` are not part of the language"},
        {"? [a]\n: 1\n", "[bad-yaml] a key has to be a word, this is a list"},
        {"a: 1\n---\nb: 2\n", "[bad-yaml] a second document starts here; a model is one document"},
        {"a: {<<: 3}\n", "[bad-yaml] `<<` merges maps, this is `3`"},
    }));
    CAPTURE(text);
    const Parsed parsed(text);
    CHECK_FALSE(parsed.root);
    if (text == "a: ]\n")
        CHECK(parsed.diagnostics.count() == 1);
    else
        CHECK(runtime::only_error(parsed.diagnostics) == error);
}

TEST_CASE("Depth is bounded before anything recurses", "[dsl]") {
    const auto repeated = [](const std::string& text, int times) {
        std::string out;
        for (int i = 0; i < times; ++i) out += text;
        return out;
    };
    CHECK(Parsed("a: " + repeated("[", 90) + repeated("]", 90) + "\n").root);
    for (const std::string& text :
         {repeated("[", 10000), repeated("{a: ", 10000), repeated("- ", 10000),
          repeated("? ", 10000), "a: " + repeated("[", 101) + repeated("]", 101)}) {
        const Parsed parsed(text);
        CHECK_FALSE(parsed.root);
        CHECK(parsed.diagnostics.count() == 1);
    }
    // 50 levels in an alias, which is used inside 60 levels.
    const Parsed parsed("a: &a " + repeated("[", 50) + repeated("]", 50) +
                        "\nb: " + repeated("[", 60) + "*a" + repeated("]", 60) + "\n");
    CHECK(runtime::only_error(parsed.diagnostics) ==
          "[bad-yaml] the file is nested deeper than 100 levels");
}

TEST_CASE("Aliases and variables are counted as often as they are used", "[dsl]") {
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 40; ++i) bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}]\n", i, i - 1);
    CHECK(runtime::only_error(Parsed(bomb).diagnostics) ==
          "[too-large] the file has more than 200,000 values once its aliases are expanded");

    std::string variables = "variables:\n  v0: [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 40; ++i)
        variables += fmt::format("  v{0}: [\"${{v{1}}}\", \"${{v{1}}}\"]\n", i, i - 1);
    Parsed parsed(variables);
    REQUIRE(parsed.root);
    read_variables(*parsed.root, parsed.diagnostics);
    CHECK(parsed.diagnostics.any());
}

TEST_CASE("A map of many keys is read in time that grows with it", "[dsl]") {
    std::string text;
    for (int i = 0; i < 9000; ++i) text += fmt::format("key_{}: {}\n", i, i);
    const Parsed parsed(text);
    REQUIRE(parsed.root);
    CHECK(parsed.root->entries.size() == 9000);
}

}  // namespace
}  // namespace gmc::dsl

// Texts are laid side by side: which lines of one are which of another.
#include "tools/gmrun/runs/side_by_side.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/catch.h"

using gmc::tools::kNoLine;
using gmc::tools::LineRow;
using gmc::tools::side_by_side;

namespace {

using Text = std::vector<std::string>;

std::vector<LineRow> rows_of(const std::vector<Text>& texts) {
    std::vector<std::vector<std::string_view>> views;
    for (const Text& text : texts) views.emplace_back(text.begin(), text.end());
    return side_by_side(views);
}

/// The rows in which not all texts have the same line: "b|c", "-|x".
Text differences(const std::vector<Text>& texts) {
    Text out;
    for (const LineRow& row : rows_of(texts)) {
        Text lines;
        for (size_t t = 0; t < texts.size(); ++t)
            lines.push_back(row[t] == kNoLine ? "-" : texts[t][row[t]]);
        std::string joined = lines[0];
        bool differ = false;
        for (size_t t = 1; t < lines.size(); ++t) {
            joined += "|" + lines[t];
            differ |= lines[t] != lines[0];
        }
        if (differ) out.push_back(joined);
    }
    return out;
}

}  // namespace

TEST_CASE("What is behind an added line stays beside itself", "[side_by_side]") {
    CHECK(differences({{"a", "b", "c", "d", "e: 1", "f"},
                       {"a", "new", "b", "c", "d", "e: 2", "f"}}) == Text{"-|new", "e: 1|e: 2"});
    CHECK(differences({{"a", "old", "b", "c: 1"}, {"a", "b", "c: 2"}}) ==
          Text{"old|-", "c: 1|c: 2"});
    CHECK(differences({{"a", "b"}, {"a", "b"}}).empty());
    CHECK(differences({{}, {"a"}}) == Text{"-|a"});
    CHECK(differences({{"a"}, {}}) == Text{"a|-"});
}

TEST_CASE("A changed line stands beside the one that it is most like", "[side_by_side]") {
    CHECK(differences({{"  - dense: 64"}, {"  - relu", "  - dense: 32"}}) ==
          Text{"-|  - relu", "  - dense: 64|  - dense: 32"});
    CHECK(differences({{"dense: 64", "relu"}, {"tanh", "dense: 32"}}) ==
          Text{"-|tanh", "dense: 64|dense: 32", "relu|-"});
    CHECK(differences({{"relu"}, {"tanh"}}) == Text{"relu|tanh"});
}

TEST_CASE("A third text goes beside whichever of the others has its lines", "[side_by_side]") {
    CHECK(differences({{"a", "b", "c"}, {"a", "x", "b", "c"}, {"a", "x", "c", "y"}}) ==
          Text{"-|x|x", "b|b|-", "-|-|y"});
    CHECK(differences({{"a", "b"}, {"a", "x", "b"}, {"a", "b"}, {"a", "x", "b"}}) ==
          Text{"-|x|-|x"});
}

TEST_CASE("Every line is in one row, in the order of its text", "[side_by_side]") {
    uint32_t random = 1;
    const auto next = [&](uint32_t below) {
        random = random * 1664525 + 1013904223;
        return (random >> 16) % below;
    };
    for (int round = 0; round < 300; ++round) {
        std::vector<Text> texts(2 + next(3));
        for (Text& text : texts)
            for (uint32_t lines = next(12); lines > 0; --lines)
                text.push_back(std::string(1 + next(2), static_cast<char>('a' + next(4))));
        std::vector<size_t> at(texts.size());
        for (const LineRow& row : rows_of(texts)) {
            REQUIRE(row.size() == texts.size());
            bool any = false;
            for (size_t t = 0; t < row.size(); ++t) {
                if (row[t] == kNoLine) continue;
                any = true;
                REQUIRE(row[t] == at[t]++);
            }
            CHECK(any);
        }
        for (size_t t = 0; t < texts.size(); ++t) CHECK(at[t] == texts[t].size());
    }
}

TEST_CASE("Long texts are compared near the diagonal, or in their order", "[side_by_side]") {
    Text text;
    for (int i = 0; i < 20'000; ++i) text.push_back(std::to_string(i % 700));
    Text other = text;
    other[19'990] = "changed";
    other.insert(other.begin() + 10, "added");
    CHECK(differences({text, other}) == Text{"-|added", text[19'990] + "|changed"});
    Text unlike;
    for (int i = 0; i < 50'000; ++i) unlike.push_back("x" + std::to_string(i));
    CHECK(rows_of({text, unlike}).size() == unlike.size());
}

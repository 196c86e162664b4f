// Splits IR text into tokens, one at a time. The first character of a token decides its kind.
// Nothing here reports errors: what fits nowhere becomes a token of one character or kBad, and the
// parser says what it expected instead.
#include "compiler/ir/text/lexer.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

namespace gmc::ir {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_word_char(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
}

/// The byte that `x1b` at `at` stands for, as quoted() writes it.
std::optional<char> byte_of(std::string_view text, size_t at) {
    if (text[at] != 'x' || at + 2 >= text.size()) return std::nullopt;
    int byte = 0;
    const auto end = std::from_chars(text.data() + at + 1, text.data() + at + 3, byte, 16);
    if (end.ptr != text.data() + at + 3 || byte < 0) return std::nullopt;
    return static_cast<char>(byte);
}

}  // namespace

bool is_readable_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), is_word_char);
}
bool is_readable_word(std::string_view name) {
    return is_readable_name(name) && !is_digit(name[0]);
}

size_t Lexer::word_end(size_t begin) const {
    size_t end = begin;
    while (end < text_.size() && is_word_char(text_[end])) ++end;
    return end;
}

/// Skips white space, then scans one token into `token_`.
void Lexer::advance() {
    while (position_ < text_.size() &&
           std::isspace(static_cast<unsigned char>(text_[position_])) != 0)
        ++position_;
    const size_t begin = position_;
    token_ = {Token::Kind::kEnd, "", begin, 0};
    if (begin >= text_.size()) return;
    const char c = text_[begin];
    size_t end = begin + 1;
    if (c == '%' || c == '@') {
        end = word_end(begin + 1);
        token_.kind = c == '%' ? Token::Kind::kValue : Token::Kind::kState;
        token_.text = text_.substr(begin + 1, end - begin - 1);
    } else if (c == '/' && end < text_.size() && text_[end] == '/') {
        end = std::min(text_.find('\n', begin), text_.size());
        token_.kind = Token::Kind::kComment;
        token_.text = text_.substr(begin + 2, end - begin - 2);
    } else if (c == '"') {
        token_.kind = Token::Kind::kBad;
        while (end < text_.size() && text_[end] != '"' && text_[end] != '\n') {
            if (text_[end] == '\\' && end + 1 < text_.size()) {
                ++end;
                const std::optional<char> byte = byte_of(text_, end);
                token_.text += byte ? *byte : text_[end] == 'n' ? '\n' : text_[end];
                if (byte) end += 2;
            } else {
                token_.text += text_[end];
            }
            ++end;
        }
        if (end < text_.size() && text_[end] == '"') {
            token_.kind = Token::Kind::kString;
            ++end;
        }
    } else if (is_digit(c) || c == '-' || c == '+') {
        // Exponents carry signs: 1e-07, 1e+20. The constant -inf is read here, too; `inf` and `nan`
        // without a sign are words, which TokenReader::number() knows.
        while (end < text_.size() &&
               (is_word_char(text_[end]) || ((text_[end] == '-' || text_[end] == '+') &&
                                             (text_[end - 1] == 'e' || text_[end - 1] == 'E'))))
            ++end;
        token_.kind = Token::Kind::kNumber;
        token_.text = text_.substr(begin, end - begin);
    } else if (is_word_char(c)) {
        end = word_end(begin);
        token_.kind = Token::Kind::kWord;
        token_.text = text_.substr(begin, end - begin);
    } else {
        token_.kind = Token::Kind::kPunctuation;
        token_.text = std::string(1, c);
    }
    token_.length = end - begin;
    position_ = end;
}

}  // namespace gmc::ir

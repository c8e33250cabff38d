// What a card must have to boot, as far as its profile tells: names that FAT can hold, no two of them the
// same, and a config.txt from which Raspberry Pi's firmware starts a kernel and an initrd that are there.
// Source: Raspberry Pi documentation, config.txt ("boot options", "conditional filters"). What only some
// boards or other files decide is not judged: a line in a section, one before an `include` or under an
// os_prefix.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "wisp/fat32_names.hpp"
#include "wisp/json.hpp"
#include "wisp/path.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// The files of a card and the folders they lie in. FAT does not tell upper from lower case.
class CardNames {
public:
    /// A file that every card has, or a folder.
    void add_own(const std::string& path, bool is_folder) {
        nodes_.insert({folded(path), {path, is_folder}});
    }

    /// A file of the profile. Refused at `value`: a name that FAT cannot hold, one that is taken, a file
    /// where a folder is and the other way round.
    void add_file(const std::string& path, const JsonValue& value) {
        for (const std::string_view part : split(path, '/'))
            static_cast<void>(fat32::long_name(part, value.subject()));
        for (auto end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1))
            add_folder(path.substr(0, end), value);
        const auto [taken, fresh] = nodes_.insert({folded(path), {path, false}});
        if (!fresh)
            value.refuse(taken->second.is_folder ? "the card has a folder '" + taken->second.path + "'"
                                                 : "the card has another file '" + folded(path) + "'");
    }

    bool has_file(std::string_view path) const {
        const auto found = nodes_.find(folded(path));
        return found != nodes_.end() && !found->second.is_folder;
    }

    /// Whether a file at the top begins so; `beginning` is in lower case.
    bool has_file_beginning(std::string_view beginning) const {
        return std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
            return !node.second.is_folder && node.first.starts_with(beginning) &&
                   node.first.find('/') == std::string::npos;
        });
    }

    static std::string folded(std::string_view path) {
        std::string lower(path);
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        return lower;
    }

private:
    struct Node {
        std::string path; ///< as the card has it
        bool is_folder;
    };

    void add_folder(const std::string& path, const JsonValue& value) {
        const Node& node = nodes_.insert({folded(path), {path, true}}).first->second;
        if (!node.is_folder) value.refuse("'" + node.path + "' is a file of the card, and no folder");
        if (node.path != path) value.refuse("the card has the folder '" + path + "' as '" + node.path + "'");
    }

    std::map<std::string, Node> nodes_;
};

/// Reads config.txt line by line and judges it at its end.
class BootConfigCheck {
public:
    explicit BootConfigCheck(const CardNames& card) : card_(card) {}

    /// The next line, which stands at `value`. Refused: blanks around the "=" of a setting, an `initramfs`
    /// with "=".
    void read(const std::string& line, const JsonValue& value) {
        if (line.starts_with('#')) return;
        if (line.starts_with('[')) {
            for_all_boards_ = line.starts_with("[all]");
            return;
        }
        const std::string_view text = without_blanks(line);
        const std::string_view word = text.substr(0, text.find_first_of(" ="));
        if (word == "initramfs") return read_initramfs(text, value);
        if (word == "include" || word == "os_prefix") leads_elsewhere_ = true;
        if (word != "include") read_setting(text, word, value);
    }

    /// Judges all of the lines, which stand in `list`.
    void finish(const JsonValue& list) const {
        if (leads_elsewhere_) return;
        for (const Choice* const choice : {&kernel_, &initramfs_})
            if (choice->line && choice->for_all_boards) check_files(*choice);
        if (!kernel_.line && !card_.has_file_beginning("kernel"))
            list.refuse("no line 'kernel=Image', and the firmware by itself looks for other names");
        const bool boots_kernel = CardNames::folded(kernel_.files) == "image";
        if (!initramfs_.line && boots_kernel)
            list.refuse("no line 'initramfs initrd.img followkernel', so the kernel gets no initrd");
    }

private:
    /// The files that a line chooses; of several such lines the last counts.
    struct Choice {
        std::string files{}; ///< with commas between them
        bool for_all_boards = false;
        std::optional<JsonValue> line{};
    };

    static std::string_view without_blanks(std::string_view text) {
        text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
        return text.substr(0, text.find_last_not_of(' ') + 1);
    }

    void read_initramfs(std::string_view text, const JsonValue& value) {
        std::string_view rest = without_blanks(text.substr(std::string_view("initramfs").size()));
        if (rest.starts_with('='))
            value.refuse("'" + std::string(text) +
                         "' has a '=': the firmware reads 'initramfs initrd.img followkernel'");
        initramfs_ = {std::string(rest.substr(0, rest.find(' '))), for_all_boards_, value};
    }

    void read_setting(std::string_view text, std::string_view word, const JsonValue& value) {
        const auto equals = text.find('=');
        if (equals == std::string_view::npos) return;
        if ((equals > 0 && text[equals - 1] == ' ') || text.substr(equals + 1).starts_with(' '))
            value.refuse("'" + std::string(text) +
                         "' has a blank beside its '=', which the firmware does not read");
        const std::string_view file = text.substr(equals + 1);
        if (word == "kernel" && !file.empty()) kernel_ = {std::string(file), for_all_boards_, value};
    }

    void check_files(const Choice& choice) const {
        for (std::string_view file : split(choice.files, ',')) {
            if (file.starts_with('/')) file.remove_prefix(1);
            if (!card_.has_file(file))
                choice.line->refuse("'" + choice.line->text() + "': the card has no file '" +
                                    std::string(file) + "'");
        }
    }

    const CardNames& card_;
    bool for_all_boards_ = true;   ///< the lines read at present
    bool leads_elsewhere_ = false; ///< what counts stands in another file or folder
    Choice kernel_;
    Choice initramfs_;
};

} // namespace wisp

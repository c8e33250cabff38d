// A tree of kernel modules, and the order in which they must be loaded.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/fd.hpp"
#include "wisp/input.hpp"
#include "wisp/module.hpp"
#include "wisp/module_files.hpp"
#include "wisp/path.hpp"
#include "wisp/seekable.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// A tree of modules, such as lib/modules/<release>.
class ModuleTree {
public:
    /// Lists `files`, which must outlive this: those named *.ko, *.ko.gz, *.ko.xz, *.ko.zst count. `builtin` is a
    /// modules.builtin file, "" for the one in the tree, which need not exist.
    ModuleTree(const ModuleFiles& files, const std::string& builtin) : files_(files) {
        for (std::string& path : files_.list()) add(std::move(path));
        const std::string usual = "modules.builtin";
        std::unique_ptr<Input> list;
        if (!builtin.empty())
            list = std::make_unique<FdInput>(open_read(builtin), builtin);
        else if (files_.has(usual))
            list = files_.open(usual);
        if (list) read_builtin(*list);
    }

    /// The subject of errors about the tree.
    const std::string& name() const { return files_.name(); }

    /// The contents of one of the tree's files.
    std::unique_ptr<Input> open(const std::string& file) const { return files_.open(file); }

    bool is_builtin(const std::string& name) const { return builtin_.contains(name); }

    /// The file of the module `name` (normalised), relative to the tree; nothing when there is none. A file
    /// in updates/ comes before others, as in depmod.d(5)'s default search order. Two equal claims are
    /// refused.
    std::optional<std::string> find(const std::string& name) const {
        const auto found = by_name_.find(name);
        if (found == by_name_.end()) return std::nullopt;
        std::vector<std::string> claims;
        for (const std::string& file : found->second)
            if (file.starts_with("updates/")) claims.push_back(file);
        if (claims.empty()) claims = found->second;
        std::sort(claims.begin(), claims.end());
        if (claims.size() > 1)
            refuse(files_.name(),
                   "has module " + name + " twice: " + printable(claims[0]) + " and " + printable(claims[1]));
        return claims.front();
    }

    /// The file at `path`, a path inside the tree that may lack its compression suffix.
    std::optional<std::string> find_path(const std::string& path) const {
        const auto found = by_name_.find(module_name(path));
        if (found == by_name_.end()) return std::nullopt;
        for (const std::string& file : found->second)
            if (file == path) return file;
        for (const std::string& file : found->second)
            if (module_path(file) == path) return file;
        return std::nullopt;
    }

private:
    /// A name outside C's identifiers is no module's (KBUILD_MODNAME), so no name ever needs escaping.
    void add(std::string file) {
        std::string name = module_name(file);
        const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        });
        if (plain && module_path(file)) by_name_[std::move(name)].push_back(std::move(file));
    }

    void read_builtin(Input& in) {
        const auto bytes = in.read_all(builtin_limit);
        for (const std::string_view line : split(as_text(bytes), '\n'))
            if (!line.empty()) builtin_.insert(module_name(line));
    }

    static constexpr std::uint64_t builtin_limit = 4 << 20;

    const ModuleFiles& files_;
    std::map<std::string, std::vector<std::string>> by_name_;
    std::set<std::string> builtin_;
};

/// A module and where its file is.
struct Module {
    std::string name;      ///< normalised
    std::string file;      ///< relative to the tree
    std::string release{}; ///< the kernel it is built for
};

/// Puts modules into an order in which each comes after those it needs: first come first served, dependencies
/// in the order .modinfo lists them. Only wanted modules and what they need are opened.
///
/// A `softdep pre:` is followed where the module exists (r8169 finds no link without realtek, bcmgenet none
/// without mdio-bcm-unimac) and where that closes no cycle; it is never missed.
class ModuleOrder {
public:
    /// `temporary` is a folder for unpacked modules.
    ModuleOrder(const ModuleTree& tree, std::string temporary)
        : tree_(tree), temporary_(std::move(temporary)) {}

    /// Wants a module: a name, or a path inside the tree. One that is built in needs no file.
    void want(const std::string& text) {
        const std::string name = module_name(text);
        if (text.find('/') != std::string::npos) {
            const std::string path = relative_path(text, tree_.name());
            if (const auto file = tree_.find_path(path))
                claim(name, *file);
            else if (!tree_.is_builtin(name))
                refuse(tree_.name(), "has no module " + printable(path));
        }
        if (!tree_.is_builtin(name) && !file_of(name))
            refuse(tree_.name(), "has no module " + printable(name) + ", and none is built in");
        wanted_.push_back(name);
    }

    /// All that were wanted and all they need, in order. Missing ones, cycles and modules of different
    /// kernel releases are refused; so is a release other than `release`, unless that is "".
    std::vector<Module> resolve(std::string release = "") {
        for (const std::string& name : wanted_) visit(name);
        for (const Module& module : order_) {
            if (module.release.empty()) refuse(module.file, "does not say which kernel it is built for");
            if (release.empty()) release = module.release;
            if (module.release != release)
                refuse(module.file,
                       "is built for kernel " + printable(module.release) + ", not " + printable(release));
        }
        return std::move(order_);
    }

private:
    struct Node {
        Module module;
        std::vector<std::string> depends;
        std::vector<std::string> softdeps;
    };

    void claim(const std::string& name, const std::string& file) {
        const auto [at, is_new] = claimed_.emplace(name, file);
        if (!is_new && at->second != file)
            refuse(tree_.name(), "module " + name + " is wanted twice: " + at->second + " and " + file);
    }

    std::optional<std::string> file_of(const std::string& name) const {
        const auto claimed = claimed_.find(name);
        return claimed == claimed_.end() ? tree_.find(name) : std::optional(claimed->second);
    }

    /// The module's own account; opened once.
    const Node& node(const std::string& name, const std::string& file) {
        if (const auto known = nodes_.find(name); known != nodes_.end()) return known->second;
        const auto packed = tree_.open(file);
        const FdSeekable unpacked(unpack_module(*packed, temporary_), packed->name());
        const ModuleInfo info(unpacked);
        return nodes_[name] = {{name, file, info.release()}, info.depends(), info.softdeps()};
    }

    void visit(const std::string& name) {
        if (tree_.is_builtin(name) || done_.contains(name)) return;
        if (std::find(path_.begin(), path_.end(), name) != path_.end()) refuse_cycle(name);
        const auto file = file_of(name);
        if (!file) refuse_missing(name);
        if (path_.size() == depth_limit)
            refuse(tree_.name(), "module " + path_.front() + " needs a chain of over " +
                                       std::to_string(depth_limit) + " modules");
        const Node& self = node(name, *file);
        path_.push_back(name);
        for (const std::string& soft : self.softdeps)
            if (!tree_.is_builtin(soft) && file_of(soft) && !needs_path(soft)) visit(soft);
        for (const std::string& hard : self.depends) visit(hard);
        path_.pop_back();
        done_.insert(name);
        order_.push_back(self.module);
    }

    /// Whether `name`, or something it needs, is a module on the way down: then it cannot be loaded before
    /// it.
    bool needs_path(const std::string& name) {
        std::vector<std::string> open = {name};
        for (std::set<std::string> seen; !open.empty();) {
            const std::string next = open.back();
            open.pop_back();
            if (std::find(path_.begin(), path_.end(), next) != path_.end()) return true;
            if (tree_.is_builtin(next) || !seen.insert(next).second) continue;
            const auto file = file_of(next);
            if (!file) continue;
            const auto& depends = node(next, *file).depends;
            open.insert(open.end(), depends.begin(), depends.end());
        }
        return false;
    }

    [[noreturn]] void refuse_missing(const std::string& name) const {
        refuse(tree_.name(), "module " + path_.back() + " needs " + printable(name) +
                                   ", which is neither here nor built in");
    }

    [[noreturn]] void refuse_cycle(const std::string& name) const {
        std::string cycle;
        for (auto at = std::find(path_.begin(), path_.end(), name); at != path_.end(); ++at)
            cycle += *at + " -> ";
        refuse(tree_.name(), "modules need each other: " + cycle + name);
    }

    static constexpr std::size_t depth_limit = 256; // real chains are under 20 long

    const ModuleTree& tree_;
    std::string temporary_;
    std::vector<std::string> wanted_{};
    std::map<std::string, std::string> claimed_{}; // files that were named by path
    std::map<std::string, Node> nodes_{};
    std::vector<std::string> path_{}; // from a wanted module down to the one in hand
    std::set<std::string> done_{};
    std::vector<Module> order_{};
};

} // namespace wisp

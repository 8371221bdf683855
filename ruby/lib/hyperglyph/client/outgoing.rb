# frozen_string_literal: true

module Hyperglyph
  class Client
    # What travels as an argument. A request has no base, so that links, forms and resources, and all other
    # extensions that came from a page, go with absolute URLs (REQ-URL-14).
    module Outgoing
      LEADING = %w[link form].freeze

      module_function

      # An argument that the user gave: proxies, at any depth, become extensions again. Everything else stays what
      # it is; what has no encoding is found by the encoder. ArgumentsError for what holds itself.
      def argument(value, path = {}.compare_by_identity)
        case value
        when Resource then absolute(*value.__hyperglyph__.origin)
        when Callable, Failure, Other then absolute(value.extension, value.base)
        when Array then inside(value, path) { value.map { |item| argument(item, path) } }
        when Hash then inside(value, path) { hash(value) { |member| argument(member, path) } }
        when Extension
          inside(value, path) do
            attributes = hash(value.attributes) { |member| argument(member, path) }
            Extension.decoded(value.name, attributes, argument(value.content, path))
          end
        else value
        end
      end

      def inside(value, path)
        raise ArgumentsError, "an argument holds itself" if path.key?(value)
        raise ArgumentsError, "an argument is too deep" if path.size > Limits::DEEPEST

        path[value] = true
        yield.tap { path.delete(value) }
      end

      # A value as it stood in a page, its URLs made absolute. ArgumentsError for a link or form whose url is no text:
      # it leads nowhere.
      def absolute(value, base)
        case value
        when Array then value.map { |item| absolute(item, base) }
        when Hash then hash(value) { |member| absolute(member, base) }
        when Extension then extension(value, base)
        when Blob then blob(value, base)
        else value
        end
      end

      def extension(value, base)
        url = Attributes.text?(value.attributes, "url")
        attributes = hash(value.attributes) { |member| absolute(member, base) }
        leading = LEADING.include?(value.name)
        raise ArgumentsError, "a #{value.name} whose url is no text cannot be sent" if leading && !(url || value["url"].nil?)

        if url || leading
          attributes["url"] = HTTP::URL.join(base, url)
        end
        inner = url ? HTTP::URL.base(attributes["url"]) : base
        Extension.decoded(value.name, attributes, absolute(value.content, inner))
      end

      def blob(value, base)
        url = Attributes.text?(value.attributes, "url")
        return value if url.nil?

        value.with(hash(value.attributes) { |member| member }.tap { |copy| copy["url"] = HTTP::URL.join(base, url) })
      end

      # Keys that Ruby holds equal are kept apart where they were.
      def hash(value)
        copy = value.is_a?(OrderedHash) ? OrderedHash.new : {}
        copy.compare_by_identity if value.compare_by_identity?
        value.each_pair { |key, member| copy[key] = yield member }
        copy
      end
      private_class_method :inside, :extension, :blob, :hash
    end
  end
end

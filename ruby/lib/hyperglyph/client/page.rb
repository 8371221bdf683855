# frozen_string_literal: true

module Hyperglyph
  class Client
    # What is known of the answer that a value came from, and how the value is handed over: links, forms, resources
    # and errors as proxies, each with the base that holds where it stands (standard, chapter 15).
    class Page
      # The Client; the URL of the answer, which is the base; whether it came from a public address.
      attr_reader :client, :url

      def initialize(client, url, public:)
        @client = client
        @url = HTTP::URL.without_fragment(url)
        @public = public
        @firsts = {}
      end

      def public?
        @public
      end

      # What a page that came by https leads to must be https, too.
      def secure?
        @url.match?(/\Ahttps:/i)
      end

      # The value of a whole message, to be handed over. Unusable where it is too deep for the stack of a Fiber, which
      # happens beyond the default limit of depth only.
      def value(decoded)
        collect(decoded)
        wrap(decoded, @url)
      rescue SystemStackError
        raise Unusable.new("the answer is too deep for the stack of this Fiber or Thread", outcome: :done)
      end

      def inspect
        "#<#{self.class} #{HTTP::URL.origin(@url)}>"
      end

      # Of the first full resource of the profile: its member of this name, if it is one that partial resources
      # share (REQ-PART-4), else nil.
      def shared(profile, name)
        member = @firsts[profile]&.[](name)
        return unless member.is_a?(Extension)
        return member if member.name == "form"

        member if member.name == "link" && member.content.nil? && member["inline"] != true
      end

      # The names of what partial resources of this profile share; none if there is no full one.
      def shares(profile)
        (@firsts[profile] || {}).keys.select { |name| shared(profile, name) }
      end

      def wrap(value, base)
        case value
        when Array then value.map { |item| wrap(item, base) }
        when Hash then wrap_hash(value, base)
        when Extension then wrap_extension(value, base)
        when Blob then wrap_blob(value, base)
        else value
        end
      end

      # The base of what is in an extension (REQ-URL-3), which is where it leads, too; `base` if its url is no text.
      def self.inner(extension, base)
        url = Attributes.text?(extension.attributes, "url")
        url ? HTTP::URL.join(base, url) : base
      end

      # The same as a base: without its fragment, and bounded.
      def self.base(extension, base)
        HTTP::URL.base(inner(extension, base))
      end

      private

      def wrap_hash(hash, base)
        copy = hash.is_a?(OrderedHash) ? OrderedHash.new : {}
        hash.each_pair { |key, member| copy[key] = wrap(member, base) }
        copy
      end

      def wrap_extension(extension, base)
        inner = Page.base(extension, base)
        case extension.name
        when "link" then Link.new(self, extension, base, inner)
        when "form" then Form.new(self, extension, base)
        when "resource" then Resource.new(self, extension, base, inner)
        when "error" then Failure.new(extension, base, wrap(extension.content, inner))
        else
          Other.build(extension, base, wrap_hash(extension.attributes, base), wrap(extension.content, inner))
        end
      end

      # REQ-URL-5.
      def wrap_blob(blob, base)
        url = Attributes.text?(blob.attributes, "url")
        return blob if url.nil?

        attributes = blob.attributes.dup
        attributes["url"] = HTTP::URL.join(base, url)
        blob.with(attributes)
      end

      # Finds the first full resource of each profile, in the order in which they begin.
      def collect(value)
        case value
        when Array then value.each { |item| collect(item) }
        when Hash then value.each_value { |member| collect(member) }
        when Extension
          first(value) if value.name == "resource" && value["partial"] != true
          collect(value.attributes)
          collect(value.content)
        end
      end

      def first(resource)
        profile = Attributes.text?(resource.attributes, "profile")
        @firsts[profile] ||= resource.content if profile && resource.content.is_a?(Hash)
      end
    end

    # An extension that this client gives no meaning to (REQ-EXT-7): an Extension whose content works as anywhere
    # else. `url` is where it leads, absolute; nil if it says none. It is joined when it is asked for: many that stand
    # in one with a long URL would hold that many times.
    class Other < Extension
      attr_reader :extension, :base

      def url
        Page.inner(@extension, @base) if Attributes.text?(@extension.attributes, "url")
      end

      # `extension` is the one that came, to be sent back.
      def self.build(extension, base, attributes, content)
        allocate.tap { |other| other.__send__(:take, extension, base, attributes, content) }
      end

      private

      def take(extension, base, attributes, content)
        @extension = extension
        @base = base
        assign(extension.name, attributes, content)
      end
    end

    # An error that is a value (REQ-ERROR-3). What it does not have, or has of a wrong kind, is nil, and the
    # content an empty Hash (REQ-ERROR-2).
    class Failure
      # Text, text, an Integer or text, a Hash.
      attr_reader :message, :logref, :code, :content
      attr_reader :extension, :base

      def initialize(extension, base, content)
        @extension = extension
        @base = base
        @message = Attributes.text?(extension.attributes, "message")
        @logref = Attributes.text?(extension.attributes, "logref")
        code = extension["code"]
        @code = code.is_a?(Integer) ? code : Attributes.as_text(code)
        @content = content.is_a?(Hash) ? content : {}
        freeze
      end

      # The absolute URL where more is said.
      def url
        Page.inner(@extension, @base) if Attributes.text?(@extension.attributes, "url")
      end

      def inspect
        "#<#{self.class} #{@message.inspect}>"
      end
    end
  end
end

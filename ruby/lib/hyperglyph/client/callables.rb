# frozen_string_literal: true

module Hyperglyph
  class Client
    # What links and forms have in common: they are called, with `call` or `.()`.
    class Callable
      # The extension as it came, and the base that holds where it stands, to be sent back.
      attr_reader :extension, :base

      def initialize(page, extension, base)
        @page = page
        @extension = extension
        @base = base
      end

      # Where it leads, absolute; nil if its url is no text, so that it cannot be called.
      def url
        HTTP::URL.join(@base, Attributes.text(@extension.attributes, "url"))
      rescue Unusable
        nil
      end

      # What is said about it, for people; nil if nothing is (REQ-EXT-13).
      def doc
        Attributes.text?(@extension.attributes, "doc")
      end

      # Calls it and gives the result. Raises an Error of the client; see client/errors.rb for which.
      def call(*arguments, **named)
        @page.client.perform(prepare(*arguments, **named))
      end

      def to_proc
        method(:call).to_proc
      end

      # Without the path, which may be for its holder alone (section 21.2).
      def inspect
        "#<#{self.class} #{HTTP::URL.origin(url)}>"
      end

      private

      # The URL, as it may be followed. Raises Unusable and Refused.
      def followed
        url = HTTP::URL.join(@base, Attributes.text(@extension.attributes, "url"))
        @page.client.check(url, @page)
        url
      end

      def http_method(default, allowed)
        method = (Attributes.text(@extension.attributes, "method") || default).upcase
        allowed.include?(method) ? method : raise(Unusable, "its method is #{method[0, 20].inspect}, and not #{allowed.join(', ')}")
      end
    end

    # A link (section 14.2): called without arguments, it fetches what it leads to.
    class Link < Callable
      # `inner`: the base of its content.
      def initialize(page, extension, base, inner)
        super(page, extension, base)
        @content = page.wrap(extension.content, inner)
        freeze
      end

      # A link to a URL that an answer named (REQ-STATUS-3).
      def self.to(page, url)
        new(page, Extension.decoded("link", { "url" => url }, nil), page.url, url)
      end

      # What stands in it; the answer only if it is inline.
      attr_reader :content

      # Whether its content is the answer. Unusable if it says neither true nor false.
      def inline?
        Attributes.flag(@extension.attributes, "inline")
      end

      def call(*arguments, **named)
        no_arguments(arguments, named)
        inline? ? @content : super
      end

      # The call that it would send.
      def prepare(*arguments, **named)
        no_arguments(arguments, named)
        http_method("GET", ["GET"])
        inline?
        headers = Attributes.headers(@extension.attributes, ["accept"])
        conditions = conditions()
        Call.new(page: @page, method: "GET", url: followed, headers: headers, conditions: conditions,
                 unchanged: conditions.empty? ? nil : @content)
      end

      private

      def no_arguments(arguments, named)
        raise ArgumentsError, "a link takes no arguments" unless arguments.empty? && named.empty?
      end

      # REQ-LINK-4: only with a content.
      def conditions
        return [] if @extension.content.nil?

        etag = @extension["etag"]
        changed = @extension["last_modified"]
        pairs = []
        pairs << ["If-None-Match", Attributes.header_value("etag", etag)] unless etag.nil?
        return pairs if changed.nil?
        raise Unusable, "its last_modified is no datetime" unless changed.is_a?(Time)

        pairs << ["If-Modified-Since", changed.getutc.strftime("%a, %d %b %Y %H:%M:%S GMT")]
      end
    end

    # A form (section 14.3): called with arguments, by position and by name, it sends them.
    class Form < Callable
      def initialize(page, extension, base)
        super
        freeze
      end

      # The names of its inputs, in order. Raises Unusable where one has none, or two have the same.
      def inputs
        parsed.map(&:name)
      end

      # The call that it would send. Raises ArgumentsError, Unusable and Refused; nothing is sent.
      def prepare(*arguments, **named)
        method = http_method("POST", HTTP::Forms::METHODS)
        envelope = envelope(method)
        content_type
        headers = Attributes.headers(@extension.attributes, method == "GET" ? ["accept"] : HTTP::Forms::FORM_HEADERS)
        bound = Binding.bind(parsed, arguments, named, @base)
        accept, conditions = headers.partition { |name, _| name.casecmp?("accept") }
        url, body, typed = Envelope.pack(envelope, followed, bound)
        Call.new(page: @page, method: method, url: url, headers: accept, conditions: conditions, typed: typed, body: body)
      end

      private

      def envelope(method)
        allowed = HTTP::Forms::ENVELOPES.fetch(method)
        envelope = Attributes.text(@extension.attributes, "envelope") || allowed.first
        return envelope if allowed.include?(envelope)

        raise Unusable, "its envelope is #{envelope[0, 20].inspect}, and #{method} has #{allowed.join(', ')}"
      end

      def content_type
        type = Attributes.text(@extension.attributes, "content_type")
        return if type.nil? || HTTP::Headers.media_type(type) == HTTP::MEDIA_TYPE

        raise Unusable, "its content_type is not #{HTTP::MEDIA_TYPE}"
      end

      def parsed
        Binding.inputs(@extension["values"])
      end
    end
  end
end
